import type { Entity } from '../entity/entity.ts'
import { stateOf } from '../entity/entity-state.ts'
import { type Identity, identityOfKey } from '../entity/identity.ts'
import { setValue, valueOf } from '../entity/property.ts'
import type { ColumnMetadata, TableMetadata } from '../schema/metadata.ts'
import { isUnchanged, valueOfKept } from '../schema/values.ts'
import type { Primitive, Row } from '../schema/wire-form.ts'
import { keyIn, type KnownReference, knownReferences, remotesOf } from './references.ts'
import type { Writing } from './writing.ts'

/**
 * Does with the entities of the session what the database did with their rows when it deleted others: `on delete
 * cascade` detaches them, with their unsaved changes, and `on delete set null` or `set default` gives the foreign key its
 * new value, unless the program has changed it.
 *
 * @param rows the deleted rows
 * @param vanished takes the entities whose rows are gone too
 */
export function followDeletion(
  writing: Writing,
  table: TableMetadata,
  rows: readonly Row[],
  vanished: Entity[],
): void {
  if (rows.length === 0) return
  const { identity } = writing.work
  for (const child of identity.tables()) {
    if (identity.of(child).size === 0) continue
    for (const reference of knownReferences(writing.factsOf, child, [table])) {
      if (reference.action === 'none') continue
      const referring = referringRows(writing, child, reference, rows)
      if (reference.action !== 'cascade') {
        for (const entity of referring) setColumns(writing, entity, reference)
        continue
      }
      const gone: Row[] = []
      for (const entity of referring) {
        gone.push(stateOf(entity).snapshot ?? [])
        writing.work.vanished(entity)
        vanished.push(entity)
      }
      followDeletion(writing, child, gone, vanished)
    }
  }
}

/** The entities whose rows refer to these rows. */
function referringRows(
  { work }: Writing,
  child: TableMetadata,
  reference: KnownReference,
  rows: readonly Row[],
): readonly Entity[] {
  const remotes = remotesOf(reference)
  const keys = new Set<Identity>()
  for (const row of rows) {
    const key = remotes.map(({ position }) => row[position] ?? null)
    if (!key.includes(null)) keys.add(identityOfKey(remotes, key))
  }
  const found: Entity[] = []
  for (const entity of work.identity.of(child).values()) {
    const key = keyIn(stateOf(entity).snapshot ?? [], reference)
    if (key !== undefined && keys.has(key)) found.push(entity)
  }
  return found
}

function setColumns(
  writing: Writing,
  entity: Entity,
  { action, setColumns: set }: KnownReference,
): void {
  const state = stateOf(entity)
  const { table, snapshot = [] } = state
  const row = snapshot.slice()
  const columns: ColumnMetadata[] = []
  for (const column of set) {
    const kept = action === 'set null' ? null : defaultOf(writing, table, column)
    // An expression gives it, so only reading the row again would tell.
    if (kept === undefined) continue
    row[column.position] = kept
    columns.push(column)
  }
  const untouched = columns.filter((column) =>
    isUnchanged(column, valueOf(entity, column), snapshot[column.position] ?? null),
  )
  // A frozen entity takes no value, and would write its old one back.
  if (untouched.length > 0 && Object.isFrozen(entity)) return writing.work.vanished(entity)
  state.snapshot = row
  for (const column of untouched)
    setValue(entity, column, valueOfKept(column, row[column.position] ?? null, table, row))
  writing.work.updated(entity, snapshot)
}

const literal = /^(?:'((?:[^']|'')*)'::[^']*|(-?\d+(?:\.\d+)?))$/

/** The default of a column as it is kept: null if it has none, undefined if it is not a constant. */
function defaultOf(
  writing: Writing,
  table: TableMetadata,
  column: ColumnMetadata,
): Primitive | undefined {
  const made = writing.factsOf(table).known?.columns.get(column.name)?.made ?? null
  if (made === null || made.startsWith('NULL::')) return null
  const [, quoted, number] = literal.exec(made) ?? []
  const text = quoted?.replaceAll("''", "'") ?? number
  return text === undefined ? undefined : column.type.keep.fromText(text)
}
