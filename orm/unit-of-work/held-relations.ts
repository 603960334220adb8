import type { Entity } from '../entity/entity.ts'
import { stateOf } from '../entity/entity-state.ts'
import type { RelationMetadata, TableMetadata } from '../schema/metadata.ts'
import { isDirty } from './change-set.ts'
import type { IdentityMap } from './identity-map.ts'

const none: Iterable<Entity> = []

/**
 * Takes entities out of the loaded relations of those that the session holds: their rows are gone.
 *
 * @param added entities that are not stored yet, whose relations they leave too
 */
export function leaveRelations(
  identity: IdentityMap,
  entities: readonly Entity[],
  added: Iterable<Entity> = none,
): void {
  if (entities.length === 0) return
  const left = new Set(entities)
  const tables = new Set(entities.map((entity) => stateOf(entity).table))
  for (const owner of identity.tables()) {
    const names = relationsTo(owner, tables)
    if (names.length === 0) continue
    for (const held of identity.of(owner).values()) {
      const { handles } = stateOf(held)
      if (handles !== undefined) for (const name of names) handles.get(name)?.exclude(left)
    }
  }
  for (const { handles, table } of Array.from(added, stateOf))
    handles?.forEach((handle, name) => {
      if (!table.relation(name).holdsKey) handle.exclude(left)
    })
}

/** The relations that lead to these tables, and whose foreign key is there or in a link table. */
function relationsTo(owner: TableMetadata, targets: ReadonlySet<TableMetadata>): readonly string[] {
  const names: string[] = []
  owner.relations.forEach(({ name, holdsKey, target }) => {
    if (!holdsKey && targets.has(target)) names.push(name)
  })
  return names
}

/** Whether its session no longer knows an entity. */
export function isDetached(entity: Entity): boolean {
  return stateOf(entity).lifecycle === 'detached'
}

/** Forgets loaded relations to entities that the session has let go, so that they load again. */
export function forgetDetached(entities: { forEach(visit: (entity: Entity) => void): void }): void {
  entities.forEach((entity) => {
    stateOf(entity).handles?.forEach((handle) => {
      if (handle.loaded.some(isDetached)) handle.forget()
    })
  })
}

/** Whether the program gave an entity to another owner, while the database still has the old owner. */
export function hasMoved(
  identity: IdentityMap,
  { target, through, foreignKey }: RelationMetadata,
): boolean {
  const columns =
    through === undefined ? foreignKey : [...foreignKey, ...through.to.map(([column]) => column)]
  for (const entity of identity.of(through?.table ?? target).values())
    if (columns.some((column) => isDirty(entity, column))) return true
  return false
}
