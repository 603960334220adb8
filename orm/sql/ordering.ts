import type { Order, Sink, SqlNode } from './node.ts'

/** `by desc nulls last`. */
export class Ordering implements Order {
  readonly isOrder = true as const
  readonly shape: string
  readonly by: SqlNode
  readonly direction: '' | 'asc' | 'desc'
  readonly nulls: '' | 'first' | 'last'
  readonly depth: number

  /** @param direction `asc`, `desc`, or nothing behind SQL that says it itself */
  constructor(by: SqlNode, direction: '' | 'asc' | 'desc', nulls: '' | 'first' | 'last' = '') {
    this.by = by
    this.direction = direction
    this.nulls = nulls
    this.depth = by.depth ?? 0
    this.shape = `${by.shape} ${direction} ${nulls}`
  }

  nullsFirst(): Order {
    return new Ordering(this.by, this.direction, 'first')
  }

  nullsLast(): Order {
    return new Ordering(this.by, this.direction, 'last')
  }

  write(sink: Sink): void {
    this.by.write(sink)
    if (this.direction !== '') sink.text(` ${this.direction}`)
    if (this.nulls !== '') sink.text(` nulls ${this.nulls}`)
  }
}
