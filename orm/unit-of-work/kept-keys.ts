import type { Entity } from '../entity/entity.ts'

const kept = new WeakSet<Entity>()

/** The database has made the key of an entity. It stays its key where its row has to be inserted again. */
export function keepKey(entity: Entity): void {
  kept.add(entity)
}

/** Whether a new row has a key that the database has made, and not the program. */
export function keepsKey(entity: Entity): boolean {
  return kept.has(entity)
}
