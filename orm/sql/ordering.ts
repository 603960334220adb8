import type { Order, Sink, SqlNode } from './node.ts'

/** `by desc nulls last`. */
export class Ordering implements Order {
  readonly isOrder = true as const
  readonly shape: string
  readonly by: SqlNode
  readonly direction: string

  constructor(by: SqlNode, direction: string) {
    this.by = by
    this.direction = direction
    this.shape = `${by.shape} ${direction}`
  }

  nullsFirst(): Order {
    return this.#withNulls('first')
  }

  nullsLast(): Order {
    return this.#withNulls('last')
  }

  write(sink: Sink): void {
    this.by.write(sink)
    sink.text(` ${this.direction}`)
  }

  #withNulls(place: 'first' | 'last'): Order {
    const [direction = 'asc'] = this.direction.split(' nulls ')
    return new Ordering(this.by, `${direction} nulls ${place}`)
  }
}
