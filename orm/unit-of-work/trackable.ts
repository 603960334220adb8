import { DataBridgeError } from '../errors.ts'
import type { Entity } from '../entity/entity.ts'
import { type EntityOwner, stateOf } from '../entity/entity-state.ts'
import type { TableMetadata } from '../schema/metadata.ts'

/** Refuses an entity of another session. */
export function refuseForeign(owner: EntityOwner, entity: Entity, verb: string): void {
  const { session, table } = stateOf(entity)
  if (session === undefined || session === owner) return
  throw new DataBridgeError(
    'DATA_BRIDGE_ERR_DETACHED',
    `the ${table.entityName} belongs to another session and cannot be ${verb} here`,
  )
}

// A flush puts what the database gives into the entity.
export function requireWritable(entity: Entity): void {
  if (!Object.isFrozen(entity)) return
  throw new DataBridgeError(
    'DATA_BRIDGE_ERR_ENTITY',
    `add() expected an entity that can be changed, got a frozen ${stateOf(entity).table.entityName}`,
  )
}

export function secondError(table: TableMetadata): DataBridgeError {
  return new DataBridgeError(
    'DATA_BRIDGE_ERR_ENTITY',
    `the ${table.entityName} cannot be added: the session holds another entity of the same row; change that one`,
  )
}
