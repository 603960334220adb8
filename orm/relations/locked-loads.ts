import { DataBridgeError } from '../errors.ts'
import { columnsWith } from '../schema/row-columns.ts'
import { type Projection, withRows, wholeRow } from '../sql/projections.ts'
import type { Source } from '../sql/source.ts'
import type { JoinTree } from './join-tree.ts'
import { type LoadPlan, wholePlan } from './loader.ts'

/** The loaders of a query that locks rows behind relations: these are loaded with its own rows. */
export function withLocked(
  loaders: readonly LoadPlan[],
  related: readonly Source[],
): readonly LoadPlan[] {
  return related.reduce((plans, source) => withPath(plans, pathOf(source), source), loaders)
}

/** The sources from the first relation to this one. */
function pathOf(source: Source): readonly Source[] {
  return source.via === undefined ? [] : [...pathOf(source.via.owner), source]
}

function withPath(
  loaders: readonly LoadPlan[],
  [first, ...rest]: readonly Source[],
  source: Source,
): readonly LoadPlan[] {
  const relation = first?.via?.relation
  if (relation === undefined) return loaders
  const known = loaders.find((plan) => plan.relation === relation && plan.strategy !== 'countload')
  if (known?.where !== undefined) throw filteredError(known)
  const plan = known ?? wholePlan(relation, 'joinedload')
  const joined: LoadPlan = {
    ...plan,
    strategy: 'joinedload',
    loaders: withPath(plan.loaders, rest, source),
    locked: first === source ? source : plan.locked,
  }
  return known === undefined
    ? [...loaders, joined]
    : loaders.map((each) => (each === known ? joined : each))
}

/** The rows of a statement, with the rows that it locks behind them. */
export function lockedProjection(own: Projection, { nodes }: JoinTree): Projection {
  const rows = nodes.flatMap(({ plan: { locked, undeferred } }) =>
    locked === undefined ? [] : [wholeRow(locked, columnsWith(locked.table, undeferred))],
  )
  return rows.length === 0 ? own : withRows(own, rows)
}

function filteredError({ strategy, relation: { owner, name } }: LoadPlan): DataBridgeError {
  return new DataBridgeError(
    'DATA_BRIDGE_ERR_QUERY',
    `${strategy}(${owner.entityName}.${name}) expected no filter() where the query locks the relation`,
  )
}
