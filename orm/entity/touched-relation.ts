import { stateOf } from './entity-state.ts'
import { type RelationHandle, relationHandle } from './relation-handle.ts'

/** The handle that the program gets for `user.posts`. Who watches the session may note where that is. */
export function touchedRelation(entity: unknown, name: string): RelationHandle {
  const handle = relationHandle(entity, name)
  const { session, table, provenance } = stateOf(entity)
  if (session?.relationTouched !== undefined)
    handle.touchedAt(
      session.relationTouched(entity as object, table.relation(name), handle.isLoaded, provenance),
    )
  return handle
}
