import { subQuery, type SubQuery } from '../sql/embedded.ts'
import { Enclosed } from '../sql/row-queries.ts'
import { joinedPart, type JoinedPart } from './join.ts'
import { notSentError } from './plan.ts'
import { freeSelect, namesOfKey, ownSelect, type RowsQuery, rowsPart } from './rows-query.ts'
import type { Page, PageOptions } from './page.ts'
import { runPageOfRows } from './run-page.ts'
import { type StreamOptions, streamRows } from './run-stream.ts'
import { type QueryContext, runCount, runExists, runFirstRow, runOneRow, runRows } from './run.ts'

/** The methods that send a query of plain rows. */
export abstract class RowsEnds<T> {
  /** @internal */
  protected readonly context: QueryContext
  /** @internal */
  protected readonly query: RowsQuery

  /** @internal Made by `query.select(…)`. */
  constructor(context: QueryContext, query: RowsQuery) {
    this.context = context
    this.query = query
  }

  /** All rows. */
  toList(): Promise<T[]> {
    return runRows(this.context, this.query.plan, this.query.selected) as Promise<T[]>
  }

  /** The first row, or null. Without an order it is any row. */
  first(): Promise<T | null> {
    return runFirstRow(this.context, this.query.plan, this.query.selected) as Promise<T | null>
  }

  /**
   * The only row.
   *
   * @throws DataBridgeError `DATA_BRIDGE_ERR_NOT_FOUND` (404) without a row, `DATA_BRIDGE_ERR_MULTIPLE_ROWS` with several.
   */
  one(): Promise<T> {
    return runOneRow(this.context, this.query.plan, this.query.selected) as Promise<T>
  }

  /** The number of rows. With a limit or offset: the number of rows on that page. */
  count(): Promise<number> {
    return runCount(this.context, this.query.plan)
  }

  /** Whether there is a row. */
  exists(): Promise<boolean> {
    return runExists(this.context, this.query.plan)
  }

  /**
   * The rows, read from a cursor of PostgreSQL some hundred at a time: the memory does not grow with their number. It
   * begins a transaction, in which the cursor lives. Leaving the loop closes the cursor.
   */
  stream(options: StreamOptions = {}): AsyncGenerator<T, void, undefined> {
    const stream = streamRows(this.context, this.query, options, this.where('stream'))
    return stream as AsyncGenerator<T, void, undefined>
  }

  /**
   * A page of rows, and the tokens of the pages beside it. What tells the rows apart is added to their order: the
   * primary key, of a join those of both, the groups, or after `distinct()` all values.
   *
   * @throws DataBridgeError `DATA_BRIDGE_ERR_INVALID_VALUE` (400) if a token is none, or belongs to another query.
   */
  page(options: PageOptions & { readonly total: true }): Promise<Page<T, number>>
  page(options?: PageOptions & { readonly total?: false }): Promise<Page<T>>
  page(options: PageOptions): Promise<Page<T, number | undefined>>
  page(options: PageOptions = {}): Promise<unknown> {
    return runPageOfRows(this.context, this.query, options, this.where('page'))
  }

  /** @internal Refuses a query that is sent as JSON: the program forgot `toList()`, and it would be `{}`. */
  toJSON(): never {
    throw notSentError(`find(${this.query.plan.from.table.entityName}).select()`)
  }

  /** @internal */
  [subQuery](): SubQuery {
    const values = Object.values(this.query.selected)
    return { select: ownSelect(this.query), values, label: this.where('select') }
  }

  /** @internal */
  [rowsPart](): RowsQuery {
    return this.query
  }

  /** @internal */
  [joinedPart](): JoinedPart {
    const { plan, selected } = this.query
    const rows = new Enclosed(freeSelect(this.query))
    return { from: plan.from, rows, selected, key: namesOfKey(this.query) }
  }

  /** @internal The method as messages name it. */
  protected where(method: string): string {
    const { entityName } = this.query.plan.from.table
    return method === 'select'
      ? `find(${entityName}).select()`
      : `find(${entityName}).select().${method}()`
  }
}
