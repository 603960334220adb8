import { depthAround, shapesOf, type Sink, type SqlNode } from './node.ts'

/** Texts with other nodes between them. The name tells its texts from those of others. */
export class Pieces implements SqlNode {
  readonly shape: string
  readonly depth: number
  readonly #pieces: readonly (string | SqlNode)[]

  constructor(name: string, pieces: readonly (string | SqlNode)[]) {
    const nodes = pieces.filter((piece) => typeof piece !== 'string')
    this.shape = `${name}(${shapesOf(nodes)})`
    this.depth = depthAround(nodes)
    this.#pieces = pieces
  }

  write(sink: Sink): void {
    for (const piece of this.#pieces) {
      if (typeof piece === 'string') sink.text(piece)
      else piece.write(sink)
    }
  }
}

/** Your own SQL may contain any operator, so it needs parentheses beside another. */
export function enclosed(node: SqlNode): SqlNode {
  return node.isRaw === true ? new Pieces('', ['(', node, ')']) : node
}
