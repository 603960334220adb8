import type { Entity } from '../entity/entity.ts'
import { DataBridgeError } from '../errors.ts'
import { observed } from '../observe/observer.ts'
import type { Outcome, QueryOperation } from '../observe/operation.ts'
import type { LoadContext } from '../relations/context.ts'
import { joinTables, tablesRead } from '../relations/related.ts'
import { isAggregate } from '../sql/calls.ts'
import { type Fetched, FetchedRows, type ReadRows } from '../sql/fetched.ts'
import type { Expression } from '../sql/node.ts'
import { Ordering } from '../sql/ordering.ts'
import { valuesProjection } from '../sql/projections.ts'
import type { QueryWrite } from '../sql/query-write.ts'
import { countOf, existsOf, Select, selectStatement } from '../sql/select.ts'
import type { Statement } from '../sql/statement.ts'
import type { ReadTables } from '../sql/text-sink.ts'
import { attempt } from '../util/attempt.ts'
import type { PageTokens } from '../util/page-tokens.ts'
import { methodOfEntities, type QueryPlan, unusedError } from './plan.ts'

/** The parts of a session that queries use. */
export interface QueryContext extends LoadContext {
  /** Refuses a session that has ended, and flushes changes to the tables that the query reads; undefined if there are none. */
  beforeQuery(reads: ReadTables, operation: QueryOperation): Promise<void> | undefined
  /** Another number in each transaction; undefined while there is none that takes statements. */
  readonly transaction: number | undefined
  /** How often its transactions were rolled back to a savepoint. */
  readonly recoveries: number
  /** The session holds entities only until {@link passed}, unless something else gives them too. */
  passing(entities: Iterable<Entity>): void
  /** @returns the entities that the session has to hold longer */
  passed(entities: Iterable<Entity>): readonly Entity[]
  /** Seals where pages begin. */
  readonly pageTokens: PageTokens
  /**
   * Flushes, and writes the rows that a query finds.
   *
   * @param name the method as a message names it
   * @param read makes the result, when the session has what was written
   */
  write<T>(
    write: QueryWrite,
    name: string,
    operation: QueryOperation,
    read: (written: ReadRows) => T,
  ): Promise<T>
  /** Whether the session refuses to write, and to lock. */
  readonly isReadOnly: boolean
  /** The promise of some work, for the program. */
  give<T>(work: () => Promise<T> | T): Promise<T>
}

/** The expressions of `select` and `aggregate`, by the names of their properties. */
export type Selected = Readonly<Record<string, Expression<unknown>>>

type Row = Record<string, unknown>

export function runCount(context: QueryContext, plan: QueryPlan): Promise<number> {
  const count = new FetchedRows(({ rows }) => Number(rows[0]?.[0]))
  return run(context, 'count', plan, countOf, count, (rows) => ({ rows }))
}

export function runExists(context: QueryContext, plan: QueryPlan): Promise<boolean> {
  const exists = new FetchedRows(({ rows }) => rows[0]?.[0] === 't')
  return run(context, 'exists', plan, existsOf, exists, (found) => ({ rows: found ? 1 : 0 }))
}

export function runAggregate(
  context: QueryContext,
  plan: QueryPlan,
  selected: Selected,
): Promise<Row[]> {
  requireAggregate(plan)
  // One row has no order.
  const inOrder = plan.groups.length === 0 ? { ...plan, orders: [] } : plan
  return runSelected(context, 'aggregate', inOrder, selected)
}

/** Plain rows of the selected expressions. */
export function runRows(
  context: QueryContext,
  plan: QueryPlan,
  selected: Selected,
): Promise<Row[]> {
  return runSelected(context, 'find', plan, selected)
}

export async function runFirstRow(
  context: QueryContext,
  plan: QueryPlan,
  selected: Selected,
): Promise<Row | null> {
  const [row = null] = await runSelected(context, 'first', atMost(plan, 1), selected)
  return row
}

export function runOneRow(
  context: QueryContext,
  plan: QueryPlan,
  selected: Selected,
): Promise<Row> {
  const only = new FetchedRows((result) => onlyRow(plainRows(result, selected), plan))
  return run(context, 'one', atMost(plan, 2), valuesOf(selected), only, oneRow)
}

/** The plan with a limit of at most `rows`. */
export function atMost(plan: QueryPlan, rows: number): QueryPlan {
  return { ...plan, limit: Math.min(plan.limit ?? rows, rows) }
}

function runSelected(
  context: QueryContext,
  name: QueryOperation['name'],
  plan: QueryPlan,
  selected: Selected,
): Promise<Row[]> {
  const rows = new FetchedRows((result) => plainRows(result, selected))
  return run(context, name, plan, valuesOf(selected), rows, countRows)
}

function valuesOf(selected: Selected): (plan: QueryPlan) => Select {
  const projection = valuesProjection(Object.values(selected))
  return (plan) => new Select({ ...plan, projection })
}

export function plainRows(result: ReadRows, selected: Selected): Row[] {
  const columns = Object.entries(selected).map(([name, expression], index) => ({
    name,
    expression,
    parse: (text: string) => result.parse(index, text),
  }))
  return result.rows.map((texts) => {
    const row: Row = {}
    columns.forEach(({ name, expression, parse }, index) => {
      row[name] = expression.decode((texts[index] ?? null) as string | null, parse)
    })
    return row
  })
}

export const countRows = (rows: readonly unknown[]): Outcome => ({ rows: rows.length })

const oneRow = (): Outcome => ({ rows: 1 })

function run<T>(
  context: QueryContext,
  name: QueryOperation['name'],
  plan: QueryPlan,
  build: (plan: QueryPlan) => Select,
  fetched: Fetched<T>,
  outcomeOf: (result: T) => Outcome,
): Promise<T> {
  return observeQuery(
    context,
    name,
    plan,
    (operation) => send(context, plan, selectStatement(build(plan)), operation, fetched),
    outcomeOf,
  )
}

/** Runs a query as an operation that the session's observer sees. */
export function observeQuery<T>(
  context: QueryContext,
  name: QueryOperation['name'],
  plan: QueryPlan,
  work: (operation: QueryOperation) => Promise<T>,
  outcomeOf: (result: T) => Outcome,
): Promise<T> {
  return attempt(() => {
    const operation = queryOperation(context, name, plan)
    return observed(context.observer, operation, () => work(operation), outcomeOf)
  })
}

/** What the session's observer is told of a query. Refuses what the query's last method would ignore. */
export function queryOperation(
  context: QueryContext,
  name: QueryOperation['name'],
  plan: QueryPlan,
): QueryOperation {
  if (name !== 'aggregate') refuseUnread(name, plan)
  if (plan.lock !== undefined) requireLockable(context, name, plan)
  const { from, where, limit } = plan
  return { kind: 'query', name, table: from.table, filters: where?.conjunctCount ?? 0, limit }
}

/** Sends the statement of a query, behind the changes that it has to see. */
export function send<T>(
  context: QueryContext,
  plan: QueryPlan,
  statement: Statement,
  operation: QueryOperation,
  fetched: Fetched<T>,
): Promise<T> {
  const flushing = context.beforeQuery(readBy(context, statement, plan), operation)
  if (flushing === undefined) return context.fetch(statement, operation, fetched)
  return context.give(async () => {
    await flushing
    return context.fetch(statement, operation, fetched)
  })
}

/** The only row of a query that expects one. */
export function onlyRow<T>(rows: readonly T[], plan: QueryPlan): T {
  const [row, another] = rows
  const { entityName } = plan.from.table
  if (row === undefined) {
    throw new DataBridgeError(
      'DATA_BRIDGE_ERR_NOT_FOUND',
      `find(${entityName}).one() expected one row, got none`,
    )
  }
  if (another !== undefined) {
    throw new DataBridgeError(
      'DATA_BRIDGE_ERR_MULTIPLE_ROWS',
      `find(${entityName}).one() expected one row, got several: filter by a unique column, or use first()`,
    )
  }
  return row
}

/** The tables of the statement, and of those that load relations after it. */
export function readBy(
  { defaults }: QueryContext,
  { tables }: Statement,
  { loaders }: QueryPlan,
): ReadTables {
  if (loaders.length === 0) return tables
  return loaders.map((plan) => tablesRead(plan, defaults)).reduce(joinTables, tables)
}

// --- refuse parts of a query that its last method would ignore

function requireAggregate(plan: QueryPlan): void {
  const { groups, limit, offset, distinct } = plan
  const ofEntities = methodOfEntities(plan)
  if (ofEntities !== undefined)
    throw unusedError(plan, ofEntities, 'with aggregate()', 'it gives values, not entities')
  const paging = limit === undefined ? (offset === undefined ? undefined : 'offset') : 'limit'
  const unused = paging ?? (distinct === undefined ? undefined : 'distinct')
  if (groups.length > 0 || unused === undefined) return
  const reason = 'it gives one row of all that match, unless there is a groupBy()'
  throw unusedError(plan, unused, 'with aggregate()', reason)
}

function requireLockable(
  { isReadOnly }: QueryContext,
  name: QueryOperation['name'],
  plan: QueryPlan,
): void {
  const { from, lock, distinct, groups, joined } = plan
  const method = lock?.method ?? ''
  const others = { distinct, groupBy: groups[0], join: joined }
  const other = Object.entries(others).find(([, value]) => value !== undefined)
  if (other !== undefined) {
    const reason = 'its rows are not those of the table'
    throw unusedError(plan, method, `with ${other[0]}()`, reason)
  }
  if (name === 'count' || name === 'exists' || name === 'aggregate')
    throw unusedError(plan, method, `with ${name}()`, 'it gives no rows to lock')
  if (!isReadOnly) return
  throw new DataBridgeError(
    'DATA_BRIDGE_ERR_QUERY',
    `find(${from.table.entityName}).${method}() expected a session that may write, got a read-only one, ` +
      'in which PostgreSQL locks no rows',
  )
}

const methodOf: Readonly<Partial<Record<QueryOperation['name'], string>>> = { find: 'toList' }

/** Refuses what the last method of a query would not read. */
export function refuseUnread(name: QueryOperation['name'], plan: QueryPlan): void {
  const { from, groups, having, orders, projection, distinct } = plan
  const method = methodOf[name] ?? name
  const isGrouped = groups.length > 0
  if (isGrouped && projection.values !== undefined) return
  if (isGrouped || having !== undefined) {
    const reason = 'groups are read with select() and aggregate()'
    throw unusedError(plan, isGrouped ? 'groupBy' : 'having', `with ${method}()`, reason)
  }
  if (distinct === 'rows' && projection.values === undefined) {
    const reason = 'no two rows of a table are equal: give it a callback, or select() values'
    throw unusedError(plan, 'distinct', `with ${method}()`, reason)
  }
  if (!orders.some((order) => order instanceof Ordering && isAggregate(order.by))) return
  throw new DataBridgeError(
    'DATA_BRIDGE_ERR_QUERY',
    `find(${from.table.entityName}).orderBy() expected columns for ${method}(), got an aggregate; ` +
      'groups are read with select() and aggregate(), related rows are counted with row.relation.count()',
  )
}
