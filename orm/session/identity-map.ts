import type { Entity } from '../entity/entity.ts'
import type { TableMetadata } from '../schema/metadata.ts'

/** The entities of a session, by their table and the text of their primary key. */
export class IdentityMap {
  readonly #tables = new Map<TableMetadata, Map<string, Entity>>()

  get(table: TableMetadata, key: string): Entity | undefined {
    return this.#tables.get(table)?.get(key)
  }

  set(table: TableMetadata, key: string, entity: Entity): void {
    let entities = this.#tables.get(table)
    if (entities === undefined) this.#tables.set(table, (entities = new Map()))
    entities.set(key, entity)
  }

  delete(table: TableMetadata, key: string): void {
    this.#tables.get(table)?.delete(key)
  }

  clear(): void {
    this.#tables.clear()
  }

  of(table: TableMetadata): Iterable<Entity> {
    return this.#tables.get(table)?.values() ?? []
  }

  tables(): Iterable<TableMetadata> {
    return this.#tables.keys()
  }

  *[Symbol.iterator](): Generator<Entity> {
    for (const entities of this.#tables.values()) yield* entities.values()
  }
}
