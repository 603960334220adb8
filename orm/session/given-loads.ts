import type { Entity } from '../entity/entity.ts'
import { type EntityOwner, stateOf } from '../entity/entity-state.ts'
import { DataBridgeError } from '../errors.ts'
import { type LoadPlan, withLoaders } from '../relations/loader.ts'
import { separate } from '../relations/undefer.ts'
import type { ColumnMetadata } from '../schema/metadata.ts'
import { goneError } from './session-errors.ts'

/** What `session.load()` was given. */
export interface GivenLoads {
  /** Each entity once. */
  readonly owners: readonly Entity[]
  readonly plans: readonly LoadPlan[]
  /** The deferred columns of the entities to read. */
  readonly undeferred: readonly ColumnMetadata[]
}

/** Refuses entities that are not stored in the session, entities of two classes, and loaders of another one. */
export function loadsOf(
  session: EntityOwner,
  given: unknown,
  loaders: readonly unknown[],
): GivenLoads {
  const entities: readonly unknown[] = Array.isArray(given) ? given : [given]
  const [first] = entities
  if (entities.length === 0) return { owners: [], plans: [], undeferred: [] }
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
  const { columns, others } = separate(loaders, table, 'load()')
  return { owners, plans: withLoaders([], others, table, 'load()'), undeferred: columns }
}
