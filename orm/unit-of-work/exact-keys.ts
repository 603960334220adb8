import type { Entity } from '../entity/entity.ts'
import { stateOf } from '../entity/entity-state.ts'
import { keptThere } from '../entity/identity.ts'
import { valueOf } from '../entity/property.ts'
import type { ColumnMetadata, TableMetadata } from '../schema/metadata.ts'
import { isUnchanged } from '../schema/values.ts'
import type { Primitive } from '../schema/wire-form.ts'
import { type Reference, referencesOf } from './commit-order.ts'
import type { IdentityMap } from './identity-map.ts'

/** A column whose values stand for intervals, and what it refers to. */
interface InexactKey {
  readonly column: ColumnMetadata
  readonly remote: ColumnMetadata
  readonly reference: Reference
}

const inexactKeys = new WeakMap<TableMetadata, readonly InexactKey[]>()

/**
 * The exact foreign key of a Date. The Date has milliseconds, but the referenced row may have
 * microseconds. If exactly one entity of the session has this key, it is that of its row.
 */
export function exactKept(
  identity: IdentityMap,
  entity: Entity,
  column: ColumnMetadata,
): Primitive | undefined {
  if (column.type.rangeOf === undefined) return undefined
  return exactKeys(identity, stateOf(entity).table, column)?.(entity)
}

/** The same for many entities of one table; undefined if the column refers to nothing. */
export function exactKeys(
  identity: IdentityMap,
  table: TableMetadata,
  column: ColumnMetadata,
): ((entity: Entity) => Primitive | undefined) | undefined {
  const keys = inexactKeysOf(table).filter((key) => key.column === column)
  if (keys.length === 0) return undefined
  return (entity) => {
    for (const key of keys) {
      const [only, ...others] = keysHeld(identity, entity, key)
      if (only !== undefined && others.length === 0) return keptThere([key.remote, column], only)
    }
    return undefined
  }
}

/** Whether the table refers to others by a Date. */
export function hasInexactKeys(table: TableMetadata): boolean {
  return inexactKeysOf(table).length > 0
}

function inexactKeysOf(table: TableMetadata): readonly InexactKey[] {
  let keys = inexactKeys.get(table)
  if (keys === undefined) {
    keys = referencesOf(table).flatMap((reference) =>
      reference.pairs
        .filter(([{ type }]) => type.rangeOf !== undefined)
        .map(([column, remote]) => ({ column, remote, reference })),
    )
    inexactKeys.set(table, keys)
  }
  return keys
}

/** What the entities of the session keep of this key. */
function keysHeld(
  identity: IdentityMap,
  entity: Entity,
  { remote, reference: { target, pairs } }: InexactKey,
): ReadonlySet<Primitive> {
  const keys = new Set<Primitive>()
  for (const held of identity.of(target).values()) {
    const snapshot = stateOf(held).snapshot ?? []
    const isMeant = pairs.every(([local, there]) =>
      isUnchanged(
        local,
        valueOf(entity, local),
        keptThere([there, local], snapshot[there.position] ?? null),
      ),
    )
    const kept = snapshot[remote.position] ?? null
    if (isMeant && kept !== null) keys.add(kept)
  }
  return keys
}
