import { DataBridgeError } from '../errors.ts'
import { observed } from '../observe/observer.ts'
import type { Outcome, QueryOperation } from '../observe/operation.ts'
import type { LoadContext } from '../relations/context.ts'
import type { AnyLoader } from '../relations/loader.ts'
import { loadAll } from '../relations/selectin.ts'
import type { Entity } from '../entity/entity.ts'
import type { RawRow } from '../entity/entity-state.ts'
import type { TableMetadata } from '../schema/metadata.ts'
import { keepShape } from '../entity/entity-json.ts'
import { placeRows } from '../entity/place.ts'
import { listOrigin, mark } from '../entity/provenance.ts'
import { anyRaw, type Expression, type Parse } from '../sql/node.ts'
import { selectCount, selectExists, selectRows, selectValues } from '../sql/select.ts'
import { filterCount, isRaw, type QueryPlan } from './plan.ts'

/** The tables that a query reads; SQL of the program's own may read any. */
export type ReadTables = readonly TableMetadata[] | 'any'

/** What queries need of a session. */
export interface QueryContext extends LoadContext {
  /** Refuses a session that has ended, and writes what the program did to what the query reads. */
  beforeQuery(reads: ReadTables, operation: QueryOperation): Promise<void>
}

export function runList(context: QueryContext, plan: QueryPlan): Promise<Entity[]> {
  return run(
    context,
    'find',
    plan,
    (operation) => entities(context, plan, operation, plan.limit !== 1),
    countRows,
  )
}

export function runFirst(context: QueryContext, plan: QueryPlan): Promise<Entity | null> {
  const limited = { ...plan, limit: Math.min(plan.limit ?? 1, 1) }
  return run(
    context,
    'first',
    limited,
    async (operation) => (await entities(context, limited, operation, false))[0] ?? null,
    (entity) => ({ rows: entity === null ? 0 : 1 }),
  )
}

export function runOne(context: QueryContext, plan: QueryPlan): Promise<Entity> {
  const limited = { ...plan, limit: Math.min(plan.limit ?? 2, 2) }
  const { entityName } = plan.table
  return run(
    context,
    'one',
    limited,
    async (operation) => {
      const [entity, another] = await entities(context, limited, operation, false)
      if (entity === undefined) {
        throw new DataBridgeError(
          'DATA_BRIDGE_ERR_NOT_FOUND',
          `find(${entityName}).one() expected one row; came none`,
        )
      }
      if (another !== undefined) {
        throw new DataBridgeError(
          'DATA_BRIDGE_ERR_MULTIPLE_ROWS',
          `find(${entityName}).one() expected one row; came several: filter by a unique column, or use first()`,
        )
      }
      return entity
    },
    () => ({ rows: 1 }),
  )
}

export function runCount(context: QueryContext, plan: QueryPlan): Promise<number> {
  return run(
    context,
    'count',
    plan,
    async (operation) => {
      const { rows } = await context.rows(selectCount(plan), operation)
      return Number(rows[0]?.[0])
    },
    (count) => ({ rows: count }),
  )
}

export function runExists(context: QueryContext, plan: QueryPlan): Promise<boolean> {
  return run(
    context,
    'exists',
    plan,
    async (operation) => {
      const { rows } = await context.rows(selectExists(plan), operation)
      return rows[0]?.[0] === 't'
    },
    (exists) => ({ rows: exists ? 1 : 0 }),
  )
}

export function runAggregate(
  context: QueryContext,
  plan: QueryPlan,
  selected: Readonly<Record<string, Expression<unknown>>>,
): Promise<Record<string, unknown>[]> {
  const expressions = Object.values(selected)
  return run(
    context,
    'aggregate',
    plan,
    async (operation) => {
      const statement = selectValues(plan, expressions, plan.groups)
      const result = await context.rows(statement, operation)
      const entries = Object.entries(selected).map(([name, expression], index) => {
        const parse: Parse = (text) => result.parse(index, text)
        return (row: RawRow) => [name, expression.decode(row[index] ?? null, parse)] as const
      })
      return result.rows.map((row) => Object.fromEntries(entries.map((entry) => entry(row))))
    },
    countRows,
    anyRaw(expressions) ? 'any' : tablesOf(plan),
  )
}

const countRows = (rows: readonly unknown[]): Outcome => ({ rows: rows.length })

async function run<T>(
  context: QueryContext,
  name: QueryOperation['name'],
  plan: QueryPlan,
  work: (operation: QueryOperation) => Promise<T>,
  outcomeOf: (result: T) => Outcome,
  reads: ReadTables = tablesOf(plan),
): Promise<T> {
  requireUsed(name, plan)
  const { table, limit } = plan
  const operation: QueryOperation = {
    kind: 'query',
    name,
    table,
    filters: filterCount(plan),
    limit,
  }
  return observed(
    context.observer,
    operation,
    async () => {
      await context.beforeQuery(reads, operation)
      return work(operation)
    },
    outcomeOf,
  )
}

/** Refuses a query that says what its last method would not heed. */
function requireUsed(name: QueryOperation['name'], plan: QueryPlan): void {
  const unused = name === 'aggregate' ? unusedByAggregate(plan) : unusedByOthers(plan)
  if (unused === undefined) return
  const [method, reason] = unused
  throw new DataBridgeError(
    'DATA_BRIDGE_ERR_QUERY',
    `find(${plan.table.entityName}).${method}() has no meaning for ${methodOf[name] ?? name}(); ${reason}`,
  )
}

type Unused = readonly [method: string, reason: string]

function unusedByAggregate({ loaders, groups, limit, offset }: QueryPlan): Unused | undefined {
  if (loaders.length > 0) return ['options', 'it gives values, not entities']
  if (groups.length > 0 || (limit ?? offset) === undefined) return undefined
  return [
    limit === undefined ? 'offset' : 'limit',
    'it gives one row of all that match, unless there is a groupBy()',
  ]
}

function unusedByOthers({ groups }: QueryPlan): Unused | undefined {
  return groups.length > 0 ? ['groupBy', 'groups are read with aggregate()'] : undefined
}

const methodOf: Readonly<Partial<Record<QueryOperation['name'], string>>> = { find: 'toList' }

function tablesOf(plan: QueryPlan): ReadTables {
  return isRaw(plan) ? 'any' : [plan.table, ...plan.loaders.flatMap(loadedTables)]
}

function loadedTables({ relation, nested }: AnyLoader): TableMetadata[] {
  return [relation.target, ...nested.flatMap(loadedTables)]
}

async function entities(
  context: QueryContext,
  plan: QueryPlan,
  operation: QueryOperation,
  isList: boolean,
): Promise<Entity[]> {
  const { rows } = await context.rows(selectRows(plan), operation)
  const found = context.entitiesOf(plan.table, rows)
  if (isList) mark(found, listOrigin(plan.table, found.length))
  if (found.length === 0) return found
  const place = placeRows(found)
  await loadAll(context, found, plan.loaders, operation, place)
  return keepShape(found, place)
}
