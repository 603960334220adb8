import { shapesOf, type Sink, type SqlNode } from './node.ts'
import type { Source } from './source.ts'

/** The rows of a query that are joined to another one. */
export class JoinedRows implements SqlNode {
  readonly source: Source
  /** What tells them apart, if it is known. */
  readonly key: readonly SqlNode[] | undefined
  readonly depth: number
  readonly #word: 'join' | 'left join'
  readonly #on: SqlNode

  constructor(
    source: Source,
    word: 'join' | 'left join',
    on: SqlNode,
    key: readonly SqlNode[] | undefined,
  ) {
    this.source = source
    this.key = key
    this.#word = word
    this.#on = on
    this.depth = Math.max(source.rows?.depth ?? 0, on.depth ?? 0)
  }

  get shape(): string {
    return `${this.#word} ${this.source.shape} on ${this.#on.shape}`
  }

  write(sink: Sink): void {
    sink.joined(this.source, this.#word, this.#on)
  }
}

/** Joins, one behind the other. */
export function joinsOf(joined: readonly JoinedRows[]): SqlNode {
  return {
    shape: shapesOf(joined),
    depth: Math.max(...joined.map(({ depth }) => depth)),
    write(sink) {
      for (const each of joined) each.write(sink)
    },
  }
}
