import { DataBridgeError, describe } from '../errors.ts'
import type { LazyRules } from '../entity/entity-state.ts'
import { type Loading, noLoading, withLoaders } from '../relations/loader.ts'
import type { TableMetadata } from '../schema/metadata.ts'
import { columnsWith } from '../schema/row-columns.ts'
import type { Defaults } from '../sql/defaults.ts'
import type { JoinedRows } from '../sql/joins.ts'
import { type Expression, isExpression } from '../sql/node.ts'
import { type Projection, wholeRow } from '../sql/projections.ts'
import { depthHere } from '../sql/scope.ts'
import { type SelectParts } from '../sql/select.ts'
import { rootSource, type Source } from '../sql/source.ts'
import { standsFor } from '../sql/stand-in.ts'

/** The content of a query: a SELECT, the loaders for its rows, and what it says about their lazy loads. Immutable. */
export interface QueryPlan extends SelectParts, Loading, LazyRules {
  /** The queries that the program joins to it. */
  readonly joined?: readonly JoinedRows[]
  /** The token of the row that its rows come behind; null: they begin with the first one. */
  readonly after?: string | null | undefined
  /** Whether the program has said that it means all rows. */
  readonly isAll?: true
}

/** A query of a table that begins here: in a callback of another query it is a sub-query. */
export function planFor(table: TableMetadata, defaults: Defaults): QueryPlan {
  const from = rootSource(table, depthHere())
  return planOf(from, wholeRow(from), defaults)
}

/** All rows of a source. */
export function planOf(from: Source, projection: Projection, defaults: Defaults): QueryPlan {
  return {
    from,
    defaults,
    projection,
    where: undefined,
    groups: [],
    having: undefined,
    orders: [],
    limit: undefined,
    offset: undefined,
    ...noLoading,
    lazy: undefined,
  }
}

/** The plan with more loaders. */
export function withOptions(plan: QueryPlan, given: readonly unknown[], where: string): QueryPlan {
  const { table } = plan.from
  const loading = withLoaders(plan, given, table, where)
  if (loading.undeferred.length === plan.undeferred.length) return { ...plan, ...loading }
  const projection = wholeRow(plan.from, columnsWith(table, loading.undeferred))
  return { ...plan, ...loading, projection }
}

/** Groups or selected values: columns, aggregates, `sql` templates. */
export function expressionsOf(
  values: readonly unknown[],
  where: string,
  expected = 'columns or aggregates such as count()',
): readonly Expression<unknown>[] {
  const other = values.find((value) => !isExpression(value))
  if (values.length > 0 && values.every(isExpression)) return values
  throw new DataBridgeError(
    'DATA_BRIDGE_ERR_QUERY',
    `${where} expected ${expected}, got ${values.length === 0 ? 'none' : (standsFor(other) ?? describe(other))}`,
  )
}

/** The error of a query that is written as JSON. */
export function notSentError(query: string): DataBridgeError {
  return new DataBridgeError(
    'DATA_BRIDGE_ERR_QUERY',
    `${query} was to be written as JSON; it is a query that was not sent: ` +
      'call toList(), first() or another of its last methods, and await it',
  )
}

/** Refuses a query of values that says how entities are loaded. */
export function refuseEntityMethods(plan: QueryPlan, method: string): void {
  const unused = methodOfEntities(plan)
  if (unused === undefined) return
  throw unusedError(plan, unused, `with ${method}()`, 'it gives values, not entities')
}

/** Refuses a condition on groups that there are not. */
export function requireGroups(plan: QueryPlan, method: string): void {
  if (plan.having === undefined || plan.groups.length > 0) return
  const reason = 'without groupBy(), one row of all is read with aggregate()'
  throw unusedError(plan, 'having', `with ${method}()`, reason)
}

/** Refuses a query of entities that cannot stand in another one. */
export function requireEmbeddable(plan: QueryPlan): void {
  const where = 'in another query'
  const unused = methodOfEntities(plan)
  if (unused !== undefined)
    throw unusedError(plan, unused, where, 'that reads its rows, and no entities')
  if (plan.lock !== undefined) throw lockedError(plan)
  const { groups, having } = plan
  if (groups.length === 0 && having === undefined) return
  const method = groups.length === 0 ? 'having' : 'groupBy'
  throw unusedError(plan, method, where, 'select() gives the values of groups')
}

/** Refuses a query that has chosen its rows before others are joined to them. */
export function requireAllRows(plan: QueryPlan, method: string): void {
  const { limit, offset, distinct, groups, having } = plan
  const unused = Object.entries({ limit, offset, distinct, having, groupBy: groups[0] }).find(
    ([, value]) => value !== undefined,
  )
  if (unused === undefined) return
  const reason = 'use it behind the join, or select() the rows before'
  throw unusedError(plan, unused[0], `with ${method}()`, reason)
}

/** PostgreSQL locks rows of tables, which are not told apart behind a query around them. */
export function lockedError(plan: QueryPlan): DataBridgeError {
  const reason = 'it locks rows of a table, not of a query'
  return unusedError(plan, plan.lock?.method ?? 'forUpdate', 'in another query', reason)
}

/** The error of a method that would have no effect, or no meaning. */
export function unusedError(
  { from }: QueryPlan,
  unused: string,
  where: string,
  reason: string,
): DataBridgeError {
  return new DataBridgeError(
    'DATA_BRIDGE_ERR_QUERY',
    `find(${from.table.entityName}).${unused}() cannot be used ${where}; ${reason}`,
  )
}

/** The method of a query that concerns only entities; undefined if it was not called. */
export function methodOfEntities(plan: QueryPlan): string | undefined {
  const { loaders, undeferred, lazy, raised } = plan
  if (loaders.length > 0 || undeferred.length > 0 || raised !== undefined) return 'options'
  return lazy === undefined ? undefined : 'lazy'
}
