import { provenanceOf } from '../entity/provenance.ts'
import { DataBridgeError } from '../errors.ts'
import type { LazyMode, LazySetting } from '../schema/lazy-mode.ts'
import type { RelationMetadata } from '../schema/metadata.ts'

/**
 * How a relation of an entity is loaded when the program awaits it. The most specific setting wins: that of
 * the query which gave the entity, then that of the relation, then that of the session or its database.
 *
 * Call it before every statement that the program did not ask for by a query or a loader.
 *
 * @throws DataBridgeError `DATA_BRIDGE_ERR_RELATION_NOT_LOADED` if no statement may be sent for it.
 */
export function requireLazy(
  session: LazySetting,
  owner: object,
  relation: RelationMetadata,
): Exclude<LazyMode, 'raise'> {
  const mode = lazyModeOf(session, owner, relation)
  if (mode === 'raise') throw raisedError(session, owner, relation)
  return mode
}

/** The mode of a relation of an entity. */
export function lazyModeOf(
  session: LazySetting,
  owner: object,
  relation: RelationMetadata,
): LazyMode {
  const query = provenanceOf(owner)
  if (query?.raised?.includes(relation) === true) return 'raise'
  return query?.lazy ?? relation.lazy ?? session.mode
}

function raisedError(
  session: LazySetting,
  owner: object,
  relation: RelationMetadata,
): DataBridgeError {
  const name = `${relation.owner.entityName}.${relation.name}`
  const reason = reasonOf(session, owner, relation, name)
  return new DataBridgeError(
    'DATA_BRIDGE_ERR_RELATION_NOT_LOADED',
    `${name} is not loaded, and an await does not load it: ${reason}; ` +
      `load it with the query: .options(selectinload(${name}))`,
  )
}

function reasonOf(
  session: LazySetting,
  owner: object,
  relation: RelationMetadata,
  name: string,
): string {
  const query = provenanceOf(owner)
  if (query?.raised?.includes(relation) === true) return `its query has raiseload(${name})`
  if (query?.lazy !== undefined) return `its query has lazy('raise')`
  if (relation.lazy !== undefined) return `the relation has the option lazy: 'raise'`
  return `the ${session.setBy} has the option lazy: 'raise'`
}
