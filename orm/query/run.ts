import { DataBridgeError } from '../errors.ts'
import type { Entity } from '../entity/entity.ts'
import { keepShape } from '../entity/entity-json.ts'
import { placeRows } from '../entity/place.ts'
import { listProvenance, mark } from '../entity/provenance.ts'
import { observed } from '../observe/observer.ts'
import type { Outcome, QueryOperation } from '../observe/operation.ts'
import type { LoadContext, RawRows } from '../relations/context.ts'
import { joinTables, tablesRead } from '../relations/related.ts'
import { loadAll } from '../relations/selectin.ts'
import type { TableMetadata } from '../schema/metadata.ts'
import { isAggregate } from '../sql/calls.ts'
import type { Expression } from '../sql/node.ts'
import { Ordering } from '../sql/ordering.ts'
import { countOf, existsOf, Select, selectStatement, valuesProjection } from '../sql/select.ts'
import type { Statement } from '../sql/statement.ts'
import type { ReadTables } from '../sql/text-sink.ts'
import type { QueryPlan } from './plan.ts'

/** The parts of a session that queries use. */
export interface QueryContext extends LoadContext {
  /** Refuses a session that has ended, and flushes changes to the tables that the query reads. */
  beforeQuery(reads: ReadTables, operation: QueryOperation): Promise<void>
  /** The promise of some work, for the program. */
  give<T>(work: () => Promise<T> | T): Promise<T>
}

/** The expressions of `select` and `aggregate`, by the names of their properties. */
export type Selected = Readonly<Record<string, Expression<unknown>>>

type Row = Record<string, unknown>

export function runList(context: QueryContext, plan: QueryPlan): Promise<Entity[]> {
  return run(context, 'find', plan, rowsOf, entities(context, plan, plan.limit !== 1), countRows)
}

export function runFirst(context: QueryContext, plan: QueryPlan): Promise<Entity | null> {
  const limited = atMost(plan, 1)
  const found = entities(context, limited, false)
  const first = async (rows: RawRows, operation: QueryOperation): Promise<Entity | null> =>
    (await found(rows, operation))[0] ?? null
  return run(context, 'first', limited, rowsOf, first, countOne)
}

export function runOne(context: QueryContext, plan: QueryPlan): Promise<Entity> {
  const limited = atMost(plan, 2)
  const found = entities(context, limited, false)
  const only = async (rows: RawRows, operation: QueryOperation): Promise<Entity> =>
    onlyRow(await found(rows, operation), plan)
  return run(context, 'one', limited, rowsOf, only, () => ({ rows: 1 }))
}

export function runCount(context: QueryContext, plan: QueryPlan): Promise<number> {
  const count = ({ rows }: RawRows): number => Number(rows[0]?.[0])
  return run(context, 'count', plan, countOf, count, (rows) => ({ rows }))
}

export function runExists(context: QueryContext, plan: QueryPlan): Promise<boolean> {
  const exists = ({ rows }: RawRows): boolean => rows[0]?.[0] === 't'
  return run(context, 'exists', plan, existsOf, exists, (found) => ({ rows: found ? 1 : 0 }))
}

export function runAggregate(
  context: QueryContext,
  plan: QueryPlan,
  selected: Selected,
): Promise<Row[]> {
  requireAggregate(plan)
  return runSelected(context, 'aggregate', plan, selected)
}

/** Plain rows of the selected expressions. */
export function runRows(
  context: QueryContext,
  plan: QueryPlan,
  selected: Selected,
): Promise<Row[]> {
  return runSelected(context, 'find', plan, selected)
}

export function runFirstRow(
  context: QueryContext,
  plan: QueryPlan,
  selected: Selected,
): Promise<Row | null> {
  const first = (result: RawRows): Row | null => plainRows(result, selected)[0] ?? null
  return run(context, 'first', atMost(plan, 1), valuesOf(selected), first, countOne)
}

export function runOneRow(
  context: QueryContext,
  plan: QueryPlan,
  selected: Selected,
): Promise<Row> {
  const only = (result: RawRows): Row => onlyRow(plainRows(result, selected), plan)
  return run(context, 'one', atMost(plan, 2), valuesOf(selected), only, () => ({ rows: 1 }))
}

/** The plan with a limit of at most `rows`. */
function atMost(plan: QueryPlan, rows: number): QueryPlan {
  return { ...plan, limit: Math.min(plan.limit ?? rows, rows) }
}

function runSelected(
  context: QueryContext,
  name: QueryOperation['name'],
  plan: QueryPlan,
  selected: Selected,
): Promise<Row[]> {
  const rows = (result: RawRows): Row[] => plainRows(result, selected)
  return run(context, name, plan, valuesOf(selected), rows, countRows)
}

function valuesOf(selected: Selected): (plan: QueryPlan) => Select {
  const projection = valuesProjection(Object.values(selected))
  return (plan) => new Select({ ...plan, projection })
}

function plainRows(result: RawRows, selected: Selected): Row[] {
  const columns = Object.entries(selected).map(([name, expression], index) => ({
    name,
    expression,
    parse: (text: string) => result.parse(index, text),
  }))
  return result.rows.map((texts) => {
    const row: Row = {}
    columns.forEach(({ name, expression, parse }, index) => {
      row[name] = expression.decode(texts[index] ?? null, parse)
    })
    return row
  })
}

const rowsOf = (plan: QueryPlan): Select => new Select(plan)

const countOne = (found: unknown): Outcome => ({ rows: found === null ? 0 : 1 })

const countRows = (rows: readonly unknown[]): Outcome => ({ rows: rows.length })

function run<T>(
  context: QueryContext,
  name: QueryOperation['name'],
  plan: QueryPlan,
  build: (plan: QueryPlan) => Select,
  read: (rows: RawRows, operation: QueryOperation) => T | Promise<T>,
  outcomeOf: (result: T) => Outcome,
): Promise<T> {
  return context.give(() => {
    if (name !== 'aggregate') refuseGroups(name, plan)
    const { from, where, limit } = plan
    const operation: QueryOperation = {
      kind: 'query',
      name,
      table: from.table,
      filters: where?.conjunctCount ?? 0,
      limit,
    }
    return observed(
      context.observer,
      operation,
      async () => {
        const statement = selectStatement(build(plan))
        await context.beforeQuery(readBy(statement, plan), operation)
        return read(await context.rows(statement, operation), operation)
      },
      outcomeOf,
    )
  })
}

function entities(
  context: QueryContext,
  plan: QueryPlan,
  isList: boolean,
): (rows: RawRows, operation: QueryOperation) => Promise<Entity[]> {
  const { table } = plan.from
  return async ({ rows }, operation) => {
    const found = context.entitiesOf(table, rows)
    if (isList) mark(found, listProvenance(table, found.length))
    if (found.length === 0) return found
    const place = placeRows(found)
    await loadAll(context, found, plan.loaders, operation, place)
    return keepShape(found, place)
  }
}

function onlyRow<T>(rows: readonly T[], plan: QueryPlan): T {
  const [row, another] = rows
  const { entityName } = plan.from.table
  if (row === undefined) {
    throw new DataBridgeError(
      'DATA_BRIDGE_ERR_NOT_FOUND',
      `find(${entityName}).one() expected one row, got none`,
      { safeMessage: 'one() expected one row, got none' },
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
function readBy({ tables }: Statement, { loaders }: QueryPlan): ReadTables {
  return loaders.map(tablesRead).reduce(joinTables, tables)
}

// --- refuse parts of a query that its last method would ignore

function requireAggregate({ from, loaders, groups, limit, offset }: QueryPlan): void {
  if (loaders.length > 0)
    throw unusedError(from.table, 'options', 'aggregate', 'it gives values, not entities')
  if (groups.length > 0 || (limit ?? offset) === undefined) return
  throw unusedError(
    from.table,
    limit === undefined ? 'offset' : 'limit',
    'aggregate',
    'it gives one row of all that match, unless there is a groupBy()',
  )
}

const methodOf: Readonly<Partial<Record<QueryOperation['name'], string>>> = { find: 'toList' }

function refuseGroups(name: QueryOperation['name'], plan: QueryPlan): void {
  const { from, groups, having, orders } = plan
  const method = methodOf[name] ?? name
  if (groups.length > 0 || having !== undefined) {
    const unused = groups.length > 0 ? 'groupBy' : 'having'
    throw unusedError(from.table, unused, method, 'groups are read with aggregate()')
  }
  if (!orders.some((order) => order instanceof Ordering && isAggregate(order.by))) return
  throw new DataBridgeError(
    'DATA_BRIDGE_ERR_QUERY',
    `find(${from.table.entityName}).orderBy() expected columns for ${method}(), got an aggregate; ` +
      'groups are read with aggregate(), related rows are counted with row.relation.count()',
  )
}

function unusedError(
  { entityName }: TableMetadata,
  unused: string,
  method: string,
  reason: string,
): DataBridgeError {
  return new DataBridgeError(
    'DATA_BRIDGE_ERR_QUERY',
    `find(${entityName}).${unused}() cannot be used with ${method}(); ${reason}`,
  )
}
