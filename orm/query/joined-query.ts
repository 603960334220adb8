import type { Condition, Expression, Order } from '../sql/node.ts'
import { filtered, grouped, having, ordered, selectedBy, selectedRows } from './callbacks.ts'
import { joinTo } from './join.ts'
import { notSentError, type QueryPlan, requireGroups } from './plan.ts'
import type { Joinable, Selection } from './query-types.ts'
import type { makeRows, Rows } from './rows.ts'
import { type QueryContext, runAggregate } from './run.ts'

/**
 * A query with others joined to it by hand. Its callbacks see the rows of all, in the order of the joins. Immutable;
 * `select` makes plain rows of it.
 */
export class JoinedQuery<All extends readonly unknown[]> {
  readonly #context: QueryContext
  readonly #plan: QueryPlan
  readonly #label: string
  readonly #make: typeof makeRows

  /** @internal Made by `query.join(…)`. */
  constructor(context: QueryContext, plan: QueryPlan, label: string, make: typeof makeRows) {
    this.#context = context
    this.#plan = plan
    this.#label = label
    this.#make = make
  }

  /** Keeps only rows that match. */
  filter(...filters: readonly ((...rows: All) => Condition)[]): JoinedQuery<All> {
    return this.#with(filtered(this.#plan, filters, this.#where('filter')))
  }

  /** Sets the order of the rows, and replaces an earlier order. */
  orderBy(by: (...rows: All) => Order | readonly Order[]): JoinedQuery<All> {
    return this.#with(ordered(this.#plan, by, this.#where('orderBy')))
  }

  /** Sets the groups of {@link select} and {@link aggregate}. */
  groupBy(
    by: (...rows: All) => Expression<unknown> | readonly Expression<unknown>[],
  ): JoinedQuery<All> {
    return this.#with(grouped(this.#plan, by, this.#where('groupBy')))
  }

  /** Keeps only groups that match. */
  having(condition: (...rows: All) => Condition): JoinedQuery<All> {
    return this.#with(having(this.#plan, condition, this.#where('having')))
  }

  /** Joins one more query: those rows that match. */
  join<J>(
    other: Joinable<J, unknown>,
    on: (...rows: [...All, J]) => Condition,
  ): JoinedQuery<[...All, J]> {
    return this.#joined('join', other, on)
  }

  /** As {@link join}, and rows without a match once, with NULL in place of the other's values. */
  leftJoin<J>(
    other: Joinable<unknown, J>,
    on: (...rows: [...All, J]) => Condition,
  ): JoinedQuery<[...All, J]> {
    return this.#joined('left join', other, on)
  }

  /** Plain rows of values of all, or with {@link groupBy} of each group. */
  select<R>(select: (...rows: All) => Selection<R>): Rows<R> {
    requireGroups(this.#plan, 'select')
    const selected = selectedRows(this.#plan, select, this.#where('select'))
    return this.#make(this.#context, selected)
  }

  /** One row of aggregates, or one for each group. */
  aggregate<R>(select: (...rows: All) => Selection<R>): Promise<R[]> {
    const selected = selectedBy(this.#plan, select, this.#where('aggregate'))
    return runAggregate(this.#context, this.#plan, selected) as Promise<R[]>
  }

  /** @internal Refuses a query that is sent as JSON: it would be `{}`. */
  toJSON(): never {
    throw notSentError(`${this.#label}.join()`)
  }

  #joined<J>(word: 'join' | 'left join', other: unknown, on: unknown): JoinedQuery<[...All, J]> {
    const where = this.#where(word === 'join' ? 'join' : 'leftJoin')
    const plan = joinTo(this.#plan, other, word, on, where)
    return new JoinedQuery<[...All, J]>(this.#context, plan, this.#label, this.#make)
  }

  #where(method: string): string {
    return `${this.#label}.${method}()`
  }

  #with(plan: QueryPlan): JoinedQuery<All> {
    return new JoinedQuery<All>(this.#context, plan, this.#label, this.#make)
  }
}
