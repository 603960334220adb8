import type { NamedQuery, Order, Sink, SqlNode } from './node.ts'
import { depthAround, shapesOf, writeList } from './node.ts'

/** A query in parentheses: what stands in place of a table, and in sub-queries. */
export class Enclosed implements SqlNode {
  readonly depth: number
  readonly #query: SqlNode

  constructor(query: SqlNode) {
    this.#query = query
    this.depth = query.depth ?? 0
  }

  get shape(): string {
    return `(${this.#query.shape})`
  }

  write(sink: Sink): void {
    sink.text('(')
    this.#query.write(sink)
    sink.text(')')
  }
}

/** What a set operation does with the rows of two queries. */
export type SetOperation = 'union' | 'union all' | 'intersect' | 'except'

/** The rows of two queries as one set. */
export class Compound implements SqlNode {
  readonly depth: number
  readonly #left: SqlNode
  readonly #operation: SetOperation
  readonly #right: SqlNode

  constructor(left: SqlNode, operation: SetOperation, right: SqlNode) {
    this.#left = left
    this.#operation = operation
    this.#right = right
    this.depth = Math.max(left.depth ?? 0, right.depth ?? 0)
  }

  get shape(): string {
    return `${this.#left.shape}${this.#operation}${this.#right.shape}`
  }

  write(sink: Sink): void {
    this.#left.write(sink)
    sink.text(` ${this.#operation} `)
    this.#right.write(sink)
  }
}

/** Rows that a statement names in its WITH, however often it uses them. */
export class NamedRows implements SqlNode, NamedQuery {
  readonly isRecursive: boolean = false
  readonly as: string
  readonly depth: number
  readonly #query: SqlNode

  constructor(query: SqlNode, isMaterialized: boolean | undefined) {
    this.#query = query
    this.depth = query.depth ?? 0
    this.as =
      isMaterialized === undefined
        ? ' as'
        : isMaterialized
          ? ' as materialized'
          : ' as not materialized'
  }

  get shape(): string {
    return `with${this.as}(${this.#query.shape})`
  }

  write(sink: Sink): void {
    sink.named(this)
  }

  writeQuery(sink: Sink): void {
    this.#query.write(sink)
  }
}

/** Rows that are made of others of the same query, until there are no new ones. */
export class RecursiveRows implements SqlNode, NamedQuery {
  readonly isRecursive: boolean = true
  readonly as = ' as'
  readonly depth: number
  readonly #first: SqlNode
  readonly #operation: SetOperation
  readonly #next: SqlNode

  /** @param next makes the query of the next rows; what it is given stands for those before */
  constructor(first: SqlNode, operation: SetOperation, next: (before: SqlNode) => SqlNode) {
    this.#first = first
    this.#operation = operation
    const before = {
      shape: 'before',
      depth: first.depth ?? 0,
      write: (sink: Sink) => sink.named(this),
    }
    this.#next = next(before)
    this.depth = Math.max(first.depth ?? 0, this.#next.depth ?? 0)
  }

  get shape(): string {
    return `recursive(${this.#first.shape}${this.#operation}${this.#next.shape})`
  }

  write(sink: Sink): void {
    sink.named(this)
  }

  writeQuery(sink: Sink): void {
    this.#first.write(sink)
    sink.text(` ${this.#operation} `)
    this.#next.write(sink)
  }
}

/** The number of each row in an order, from 1 on. */
export class RowNumber implements SqlNode {
  readonly depth: number
  readonly #orders: readonly Order[]

  constructor(orders: readonly Order[]) {
    this.#orders = orders
    this.depth = depthAround(orders)
  }

  get shape(): string {
    return `number(${shapesOf(this.#orders)})`
  }

  write(sink: Sink): void {
    sink.text('row_number() over (order by ')
    writeList(sink, this.#orders, ', ')
    sink.text(')')
  }
}
