import { DataBridgeError, describe } from '../errors.ts'
import type { LazyRules } from '../entity/entity-state.ts'
import { type Loading, noLoading, withLoaders } from '../relations/loader.ts'
import type { TableMetadata } from '../schema/metadata.ts'
import { columnsWith } from '../schema/row-columns.ts'
import type { JoinedRows } from '../sql/joins.ts'
import { type Expression, isExpression } from '../sql/node.ts'
import { type Projection, wholeRow } from '../sql/projections.ts'
import { depthHere } from '../sql/scope.ts'
import { type SelectParts } from '../sql/select.ts'
import { rootSource, type Source } from '../sql/source.ts'

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
export function planFor(table: TableMetadata): QueryPlan {
  const from = rootSource(table, depthHere())
  return planOf(from, wholeRow(from))
}

/** All rows of a source. */
export function planOf(from: Source, projection: Projection): QueryPlan {
  return {
    from,
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
    `${where} expected ${expected}, got ${values.length === 0 ? 'none' : describe(other)}`,
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
  throw new DataBridgeError(
    'DATA_BRIDGE_ERR_QUERY',
    `find(${plan.from.table.entityName}).${unused}() cannot be used with ${method}(); it gives values, not entities`,
  )
}

/** Refuses a condition on groups that there are not. */
export function requireGroups({ from, groups, having }: QueryPlan, method: string): void {
  if (having === undefined || groups.length > 0) return
  throw new DataBridgeError(
    'DATA_BRIDGE_ERR_QUERY',
    `find(${from.table.entityName}).having() cannot be used with ${method}() without groupBy(): one row of all is read with aggregate()`,
  )
}

/** The method of a query that concerns only entities; undefined if it was not called. */
export function methodOfEntities(plan: QueryPlan): string | undefined {
  const { loaders, undeferred, lazy, raised } = plan
  if (loaders.length > 0 || undeferred.length > 0 || raised !== undefined) return 'options'
  return lazy === undefined ? undefined : 'lazy'
}
