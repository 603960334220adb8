import type { Entity } from '../entity/entity.ts'
import { observed } from '../observe/observer.ts'
import type { QueryOperation } from '../observe/operation.ts'
import { joinTables } from '../relations/related.ts'
import { columnsWith } from '../schema/row-columns.ts'
import { type ExtraColumn, rowDecoderWith } from '../schema/row-decoder.ts'
import { parametersOf } from '../sql/bind-sink.ts'
import { type Fetched, FetchedRows } from '../sql/fetched.ts'
import { valuesProjection, withColumn } from '../sql/projections.ts'
import { countOf, Select, selectStatement } from '../sql/select.ts'
import type { Statement } from '../sql/statement.ts'
import { mayHaveWindow } from '../sql/windows.ts'
import { keyColumn, keyOrders, type KeyTexts, ordersOfKey, primaryKeyOf } from './keyset.ts'
import { type Page, type PageQuery, pageQuery, requireKey, tokensOf } from './page.ts'
import type { QueryPlan } from './plan.ts'
import { around, keyOfRows, type RowsQuery } from './rows-query.ts'
import { countRows, observeQuery, plainRows, type QueryContext, readBy, send } from './run.ts'
import { asList, runEntities } from './run-entities.ts'

type AnyPage<T> = Page<T, number | undefined>

const keyOfPage: ExtraColumn = Object.freeze({
  name: '#key',
  decoder: { fromText: (text: string) => text },
})

/** A page of entities. */
export async function runPage(
  context: QueryContext,
  plan: QueryPlan,
  options: unknown,
  where: string,
): Promise<AnyPage<Entity>> {
  const page = pageQuery(plan, primaryKeyOf(plan), options, context.pageTokens, where)
  const { table } = plan.from
  const decoder = rowDecoderWith(table, keyOfPage, columnsWith(table, plan.undeferred))
  const projection = withColumn(plan.projection, keyColumn(page.orders), decoder)
  const place = table.rowColumns.length
  const keys: string[] = []
  const counting = counter(context, plan, page)
  const items = await runEntities(context, page.plan, {
    name: 'find',
    isList: true,
    select: new Select({ ...page.plan, projection }),
    eachRow: (row, index) => (keys[index] = row[place] as string),
    fetch: (...sent) => counting.fetch(...sent),
    // The row of the next page is read with the others, and left out here.
    chosen: (entities) => onPage(page, entities),
    resultOf: asList,
    outcomeOf: countRows,
  })
  return pageOf(context, page, items, keys, counting.total)
}

/** A page of plain rows. */
export async function runPageOfRows(
  context: QueryContext,
  given: RowsQuery,
  options: unknown,
  where: string,
): Promise<AnyPage<Record<string, unknown>>> {
  const query = isWhole(given) ? aroundPage(given, where) : given
  const { plan, selected } = query
  const page = pageQuery(plan, keyOfRows(query), options, context.pageTokens, where)
  const values = [...Object.values(selected), keyColumn(page.orders)]
  const select = new Select({ ...page.plan, projection: valuesProjection(values) })
  const place = values.length - 1
  let keys: readonly string[] = []
  const fetched = new FetchedRows((result) => {
    keys = result.rows.map((row) => row[place] as string)
    return onPage(page, plainRows(result, selected))
  })
  const counting = counter(context, plan, page)
  const work = (operation: QueryOperation) =>
    counting.fetch(selectStatement(select), operation, fetched)
  const items = await observeQuery(context, 'find', page.plan, work, countRows)
  return pageOf(context, page, items, keys, counting.total)
}

/**
 * Whether where a page begins would change its values, or cannot be said beside them: which row is the first of its kind,
 * what a window function sees, a group with values in it.
 */
function isWhole({ plan: { distinct, groups, orders }, selected }: RowsQuery): boolean {
  if (typeof distinct === 'object' || groups.some((group) => parametersOf(group).length > 0))
    return true
  return [...Object.values(selected), ...orders].some(mayHaveWindow)
}

/** The rows in a query around them, which has all of their order. */
function aroundPage(query: RowsQuery, where: string): RowsQuery {
  const { limit, offset } = query.plan
  const orders = ordersOfKey(keyOrders(query.plan, requireKey(keyOfRows(query), where), where))
  const plan = { ...query.plan, orders, limit: undefined, offset: undefined }
  const outer = around({ ...query, plan })
  return { ...outer, plan: { ...outer.plan, limit, offset }, key: [] }
}

function onPage<T>({ size, isBackward }: PageQuery, rows: readonly T[]): T[] {
  const own = rows.slice(0, size)
  return isBackward ? own.reverse() : own
}

function pageOf<T>(
  context: QueryContext,
  page: PageQuery,
  items: T[],
  keys: readonly string[],
  total: number | undefined,
): AnyPage<T> {
  const ends = onPage(page, keys)
  const texts = ends.map((key): KeyTexts => JSON.parse(key) as KeyTexts)
  return { items, ...tokensOf(page, texts, keys.length > page.size, context.pageTokens), total }
}

interface Counting {
  /** The number of rows of all pages, after {@link fetch}. */
  readonly total: number | undefined
  fetch<T>(statement: Statement, operation: QueryOperation, fetched: Fetched<T>): Promise<T>
}

/** Sends the statement of a page; with a total, the statement that counts travels with it. */
function counter(context: QueryContext, plan: QueryPlan, { hasTotal }: PageQuery): Counting {
  if (!hasTotal) {
    return {
      total: undefined,
      fetch: (...sent) => send(context, plan, ...sent),
    }
  }
  let total: number | undefined
  return {
    get total() {
      return total
    },
    async fetch<T>(
      statement: Statement,
      operation: QueryOperation,
      fetched: Fetched<T>,
    ): Promise<T> {
      const all = { ...plan, limit: undefined, orders: [], after: undefined }
      const counted = selectStatement(countOf(all))
      const reads = joinTables(readBy(context, statement, plan), counted.tables)
      await context.beforeQuery(reads, operation)
      const counting: QueryOperation = {
        ...operation,
        name: 'count',
        filters: plan.where?.conjunctCount ?? 0,
        limit: undefined,
        parent: operation,
      }
      const count = new FetchedRows(({ rows }) => Number(rows[0]?.[0]))
      const both = context.fetchAll<T | number>(
        [
          { statement, operation, fetched },
          { statement: counted, operation: counting, fetched: count },
        ],
        operation,
      )
      const found = async (): Promise<number> => (await both)[1] as number
      const outcome = () => ({ rows: 1 })
      const [[rows], number] = await Promise.all([
        both,
        observed(context.observer, counting, found, outcome),
      ])
      total = number
      return rows as T
    },
  }
}
