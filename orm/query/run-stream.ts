import type { Entity } from '../entity/entity.ts'
import { describe } from '../errors.ts'
import type { QueryOperation } from '../observe/operation.ts'
import type { LoadPlan } from '../relations/loader.ts'
import { FetchedRows } from '../sql/fetched.ts'
import { Select, selectStatement } from '../sql/select.ts'
import { optionError, refuseUnknown } from '../util/option-checks.ts'
import { Cursor } from './cursor.ts'
import type { QueryPlan } from './plan.ts'
import { readEntities } from './run-entities.ts'
import type { RowsQuery } from './rows-query.ts'
import { plainRows, type QueryContext, queryOperation, readBy } from './run.ts'
import { StreamContext } from './stream-context.ts'

/** How a stream reads its rows. */
export interface StreamOptions {
  /** How many rows it reads at a time, and the session holds. Default: 500. */
  readonly batchSize?: number | undefined
}

/** Streams the entities of a query. */
export function streamEntities(
  session: QueryContext,
  given: QueryPlan,
  options: unknown,
  where: string,
): AsyncGenerator<Entity, void, undefined> {
  const size = batchSizeOf(options, where)
  const plan = { ...given, loaders: given.loaders.map(withoutJoins) }
  const context = new StreamContext(session)
  const run = { isList: true, resultOf: (entities: Entity[]) => entities }
  const read = (cursor: Cursor, operation: QueryOperation): Promise<Entity[]> => {
    context.letGo()
    const fetch: Parameters<typeof readEntities>[2]['fetch'] = (statement, _, fetched) =>
      cursor.fetch(statement, size, fetched)
    return readEntities(context, plan, { ...run, fetch }, operation)
  }
  return batches(context, plan, size, read, () => context.letGo())
}

/** Streams the plain rows of a query. */
export function streamRows(
  context: QueryContext,
  { plan, selected }: RowsQuery,
  options: unknown,
  where: string,
): AsyncGenerator<Record<string, unknown>, void, undefined> {
  const size = batchSizeOf(options, where)
  const statement = selectStatement(new Select(plan))
  const read = (cursor: Cursor) =>
    cursor.fetch(statement, size, new FetchedRows((result) => plainRows(result, selected)))
  return batches(context, plan, size, read, () => {})
}

async function* batches<T>(
  context: QueryContext,
  plan: QueryPlan,
  size: number,
  read: (cursor: Cursor, operation: QueryOperation) => Promise<T[]>,
  ended: () => void,
): AsyncGenerator<T, void, undefined> {
  const operation = queryOperation(context, 'stream', plan)
  const end = context.observer.operationStarted?.(operation)
  const cursor = new Cursor(context, operation)
  let rows = 0
  let failure: { readonly error: unknown } | undefined
  try {
    const statement = selectStatement(new Select(plan))
    await context.beforeQuery(readBy(context, statement, plan), operation)
    for (;;) {
      const batch = await context.give(() => read(cursor, operation))
      rows += batch.length
      // Not `yield*`: an array has no throw() that it could pass on.
      for (const row of batch) yield row
      if (batch.length < size) return
    }
  } catch (error) {
    failure = { error }
    throw error
  } finally {
    ended()
    try {
      await context.give(() => cursor.close())
    } finally {
      end?.(failure ?? { rows })
    }
  }
}

/** A join repeats the rows of an owner, which may be in two batches: relations are loaded for each batch. */
function withoutJoins(plan: LoadPlan): LoadPlan {
  const strategy = plan.strategy === 'joinedload' ? 'selectinload' : plan.strategy
  return { ...plan, strategy, loaders: plan.loaders.map(withoutJoins) }
}

const mostRows = 100_000

function batchSizeOf(options: unknown, where: string): number {
  if (typeof options !== 'object' || options === null)
    throw optionError(
      `${where} expected options such as { batchSize: 100 }, got ${describe(options)}`,
    )
  refuseUnknown(options, ['batchSize'], where)
  const { batchSize = 500 } = options as StreamOptions
  if (Number.isSafeInteger(batchSize) && batchSize > 0 && batchSize <= mostRows) return batchSize
  throw optionError(
    `${where}: batchSize expected an integer from 1 to ${mostRows}, got ${describe(batchSize)}`,
  )
}
