import type { Condition } from '../sql/node.ts'
import { having, selectedBy, selectedRows } from './callbacks.ts'
import { notSentError, type QueryPlan } from './plan.ts'
import type { RowRefs, Selection } from './query-types.ts'
import type { makeRows, Rows } from './rows.ts'
import { type QueryContext, runAggregate } from './run.ts'

/** The groups of {@link Rows.groupBy}. */
export class GroupedRows<T> {
  readonly #context: QueryContext
  readonly #plan: QueryPlan
  readonly #label: string
  readonly #make: typeof makeRows

  /** @internal Made by `rows.groupBy(…)`. */
  constructor(context: QueryContext, plan: QueryPlan, label: string, make: typeof makeRows) {
    this.#context = context
    this.#plan = plan
    this.#label = label
    this.#make = make
  }

  /** Keeps only groups that match. */
  having(condition: (row: RowRefs<T>) => Condition): GroupedRows<T> {
    const plan = having(this.#plan, condition, `${this.#label}.having()`)
    return new GroupedRows<T>(this.#context, plan, this.#label, this.#make)
  }

  /** Plain rows of values of each group: groups and aggregates. */
  select<R>(select: (row: RowRefs<T>) => Selection<R>): Rows<R> {
    const plan = { ...this.#plan, orders: [] }
    return this.#make(this.#context, selectedRows(plan, select, `${this.#label}.select()`))
  }

  /** The rows of {@link select}, at once. */
  aggregate<R>(select: (row: RowRefs<T>) => Selection<R>): Promise<R[]> {
    const plan = { ...this.#plan, orders: [] }
    const selected = selectedBy(plan, select, `${this.#label}.aggregate()`)
    return runAggregate(this.#context, plan, selected) as Promise<R[]>
  }

  /** @internal Refuses a query that is sent as JSON: it would be `{}`. */
  toJSON(): never {
    throw notSentError(`${this.#label}.groupBy()`)
  }
}
