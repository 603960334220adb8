import { requireCount } from '../sql/callbacks.ts'
import { notSentError, type QueryPlan } from './plan.ts'
import {
  type QueryContext,
  runCount,
  runFirstRow,
  runOneRow,
  runRows,
  type Selected,
} from './run.ts'

/**
 * The result of {@link Query.select}: a query of plain rows. Immutable. `toList`, `first`, `one` and
 * `count` send it.
 */
export class Rows<T> {
  readonly #context: QueryContext
  readonly #plan: QueryPlan
  readonly #selected: Selected

  /** @internal Made by `query.select(…)`. */
  constructor(context: QueryContext, plan: QueryPlan, selected: Selected) {
    this.#context = context
    this.#plan = plan
    this.#selected = selected
  }

  /** Gives at most `rows` rows. */
  limit(rows: number): Rows<T> {
    return this.#with({ limit: requireCount(rows, this.#where('limit')) })
  }

  /** Skips `rows` rows at the start. */
  offset(rows: number): Rows<T> {
    return this.#with({ offset: requireCount(rows, this.#where('offset')) })
  }

  /** All rows. */
  toList(): Promise<T[]> {
    return runRows(this.#context, this.#plan, this.#selected) as Promise<T[]>
  }

  /** The first row, or null. Without an order it is any row. */
  first(): Promise<T | null> {
    return runFirstRow(this.#context, this.#plan, this.#selected) as Promise<T | null>
  }

  /**
   * The only row.
   *
   * @throws DataBridgeError `DATA_BRIDGE_ERR_NOT_FOUND` (404) without a row, `DATA_BRIDGE_ERR_MULTIPLE_ROWS` with several.
   */
  one(): Promise<T> {
    return runOneRow(this.#context, this.#plan, this.#selected) as Promise<T>
  }

  /** The number of rows. With a limit or offset: the number of rows on that page. */
  count(): Promise<number> {
    return runCount(this.#context, this.#plan)
  }

  /** @internal Refuses a query that is sent as JSON: the program forgot `toList()`, and it would be `{}`. */
  toJSON(): never {
    throw notSentError(`find(${this.#plan.from.table.entityName}).select()`)
  }

  #where(method: string): string {
    return `find(${this.#plan.from.table.entityName}).select().${method}()`
  }

  #with(change: Partial<QueryPlan>): Rows<T> {
    return new Rows<T>(this.#context, { ...this.#plan, ...change }, this.#selected)
  }
}
