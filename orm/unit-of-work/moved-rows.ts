import type { Entity } from '../entity/entity.ts'
import { stateOf } from '../entity/entity-state.ts'
import { keptThere } from '../entity/identity.ts'
import { valueOf } from '../entity/property.ts'
import type { RelationHandle } from '../entity/relation-handle.ts'
import type { ColumnMetadata, RelationMetadata, TableMetadata } from '../schema/metadata.ts'
import { isUnchanged } from '../schema/values.ts'
import { isDirty } from './change-set.ts'
import type { IdentityMap } from './identity-map.ts'

const nobody: ReadonlySet<Entity> = new Set()

/**
 * Rows of a table have got other values in these columns, of which the session may not know: loaded relations that lead
 * over these columns load again. Those that the program has changed, without a flush since, stay.
 */
export function forgetMoved(
  identity: IdentityMap,
  table: TableMetadata,
  columns: readonly ColumnMetadata[],
): void {
  forget(identity, (relation) => leadsOver(relation, table, columns))
}

/** Rows of a link table are gone. */
export function forgetLinked(identity: IdentityMap, table: TableMetadata): void {
  forget(identity, ({ through }) => through?.table === table)
}

/** Whether a relation that does not hold its key leads over one of these columns of a table. */
function leadsOver(
  { owner, target, pairs, through }: RelationMetadata,
  table: TableMetadata,
  columns: readonly ColumnMetadata[],
): boolean {
  const isIn = (column: ColumnMetadata): boolean => columns.includes(column)
  const near = through?.from ?? pairs
  const far = through?.to ?? pairs
  if (owner === table && near.some(([local]) => isIn(local))) return true
  if (target === table && far.some(([, remote]) => isIn(remote))) return true
  return (
    through?.table === table &&
    (near.some(([, between]) => isIn(between)) || far.some(([between]) => isIn(between)))
  )
}

function forget(identity: IdentityMap, isMeant: (relation: RelationMetadata) => boolean): void {
  for (const owner of identity.tables())
    for (const relation of owner.relations.values()) {
      if (relation.holdsKey || !isMeant(relation)) continue
      const moved = movedEntities(identity, relation)
      for (const held of identity.of(owner).values()) {
        const handle = stateOf(held).handles?.get(relation.name)
        if (handle === undefined || isPending(held, handle, relation, moved)) continue
        if (handle.isLoaded) handle.forget()
        else handle.exclude(nobody) // what is being loaded now is out of date
      }
    }
}

/** The entities that the program has given to another owner, or to none. */
function movedEntities(
  identity: IdentityMap,
  { target, through, foreignKey }: RelationMetadata,
): readonly Entity[] {
  if (through !== undefined) return []
  return [...identity.of(target).values()].filter((entity) =>
    foreignKey.some((column) => isDirty(entity, column)),
  )
}

/** Whether the program has changed a relation, and no flush has written that. */
function isPending(
  owner: Entity,
  handle: RelationHandle,
  relation: RelationMetadata,
  moved: readonly Entity[],
): boolean {
  if ((stateOf(owner).links?.get(relation)?.size ?? 0) > 0) return true
  const isNew = (entity: Entity): boolean => stateOf(entity).snapshot === undefined
  if (handle.loaded.some((entity) => isNew(entity) || moved.includes(entity))) return true
  return moved.some((entity) => hasLeft(owner, entity, relation))
}

/** Whether the row of an entity still refers to the owner. */
function hasLeft(owner: Entity, entity: Entity, { pairs }: RelationMetadata): boolean {
  const { snapshot = [] } = stateOf(entity)
  return pairs.every(([local, remote]) =>
    isUnchanged(
      local,
      valueOf(owner, local),
      keptThere([remote, local], snapshot[remote.position] ?? null),
    ),
  )
}
