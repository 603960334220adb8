import type { Entity } from '../entity/entity.ts'
import { type EntityOwner, stateOf } from '../entity/entity-state.ts'
import { DataBridgeError } from '../errors.ts'
import { type Loading, noLoading, withLoaders } from '../relations/loader.ts'
import { nameOf } from '../schema/inverse.ts'
import { goneError } from './session-errors.ts'

/** What `session.load()` was given. */
export interface GivenLoads extends Loading {
  /** Each entity once. */
  readonly owners: readonly Entity[]
}

/** Refuses entities that are not stored in the session, entities of two classes, and loaders of another one. */
export function loadsOf(
  session: EntityOwner,
  given: unknown,
  loaders: readonly unknown[],
): GivenLoads {
  const entities: readonly unknown[] = Array.isArray(given) ? given : [given]
  const [first] = entities
  if (entities.length === 0) return { ...noLoading, owners: [] }
  const { table } = stateOf(first)
  for (const entity of entities) {
    const state = stateOf(entity)
    if (state.table !== table) {
      throw new DataBridgeError(
        'DATA_BRIDGE_ERR_QUERY',
        `load() expected entities of one class, got a ${table.entityName} and a ${state.table.entityName}`,
      )
    }
    if (state.lifecycle !== 'stored' || state.session !== session)
      throw goneError('load', table.entityName, state.lifecycle)
  }
  const owners = [...new Set(entities as readonly Entity[])]
  const loading = withLoaders(noLoading, loaders, table, 'load()')
  const [raised] = loading.raised ?? []
  if (raised === undefined) return { ...loading, owners }
  throw new DataBridgeError(
    'DATA_BRIDGE_ERR_QUERY',
    `load() expected loaders such as selectinload(…), got raiseload(${nameOf(raised)}), which loads nothing: ` +
      'it is for the options() of a query or a loader',
  )
}
