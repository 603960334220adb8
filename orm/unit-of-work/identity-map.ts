import type { Entity } from '../entity/entity.ts'
import type { Identity } from '../entity/identity.ts'
import type { TableMetadata } from '../schema/metadata.ts'

const none: ReadonlyMap<Identity, Entity> = new Map()

/** The entities of a session, by their table and their primary key. */
export class IdentityMap {
  // Made by the first entity.
  #tables: Map<TableMetadata, Map<Identity, Entity>> | undefined

  get(table: TableMetadata, key: Identity): Entity | undefined {
    return this.#tables?.get(table)?.get(key)
  }

  set(table: TableMetadata, key: Identity, entity: Entity): void {
    const tables = (this.#tables ??= new Map())
    const entities = tables.get(table)
    if (entities === undefined) tables.set(table, new Map([[key, entity]]))
    else entities.set(key, entity)
  }

  /** Takes entities of one table, none of which it has. Keeps the map itself. */
  take(table: TableMetadata, entities: Map<Identity, Entity>): void {
    const tables = (this.#tables ??= new Map())
    const known = tables.get(table)
    if (known === undefined || known.size === 0) tables.set(table, entities)
    else entities.forEach((entity, key) => known.set(key, entity))
  }

  delete(table: TableMetadata, key: Identity): void {
    this.#tables?.get(table)?.delete(key)
  }

  clear(): void {
    this.#tables = undefined
  }

  of(table: TableMetadata): ReadonlyMap<Identity, Entity> {
    return this.#tables?.get(table) ?? none
  }

  /** Visits each entity. */
  forEach(visit: (entity: Entity) => void): void {
    this.#tables?.forEach((entities) => entities.forEach(visit))
  }

  /** Whether an entity passes the test. */
  some(test: (entity: Entity) => boolean): boolean {
    if (this.#tables === undefined) return false
    for (const entities of this.#tables.values())
      for (const entity of entities.values()) if (test(entity)) return true
    return false
  }

  tables(): Iterable<TableMetadata> {
    return this.#tables?.keys() ?? []
  }
}
