import type { Entity } from '../entity/entity.ts'
import { stateOf } from '../entity/entity-state.ts'
import { valueOf } from '../entity/property.ts'
import type { ColumnMetadata, TableMetadata } from '../schema/metadata.ts'
import { isUnchanged } from '../schema/values.ts'
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
 * The exact text of a foreign key that is a Date. The Date has milliseconds, but the referenced row may have
 * microseconds. If exactly one entity of the session has this key, the text is that of its row.
 */
export function exactText(
  identity: IdentityMap,
  entity: Entity,
  column: ColumnMetadata,
): string | undefined {
  if (column.type.rangeOf === undefined) return undefined
  for (const key of inexactKeysOf(stateOf(entity).table)) {
    if (key.column !== column) continue
    const [only, ...others] = keyTexts(identity, entity, key)
    if (only !== undefined && others.length === 0) return only
  }
  return undefined
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

/** The texts of this key in the entities of the session. */
function keyTexts(
  identity: IdentityMap,
  entity: Entity,
  { remote, reference: { target, pairs } }: InexactKey,
): ReadonlySet<string> {
  const texts = new Set<string>()
  for (const held of identity.of(target)) {
    const snapshot = stateOf(held).snapshot ?? []
    const isMeant = pairs.every(([local, { position }]) =>
      isUnchanged(local, valueOf(entity, local), snapshot[position] ?? null),
    )
    const text = snapshot[remote.position]
    if (isMeant && typeof text === 'string') texts.add(text)
  }
  return texts
}
