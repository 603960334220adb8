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
  const referring = new Map<TableMetadata, readonly Referring[]>()
  const deleted = [{ table, rows }]
  // The list grows while it is walked: not by recursion, since a chain may be longer than the stack.
  for (const parents of deleted) {
    if (parents.rows.length === 0) continue
    let all = referring.get(parents.table)
    if (all === undefined) referring.set(parents.table, (all = referringTo(writing, parents.table)))
    for (const { child, reference, byKey } of all) {
      const entities = referringRows(reference, byKey, parents.rows)
      if (reference.action !== 'cascade') {
        for (const entity of entities) setColumns(writing, entity, reference)
        continue
      }
      const gone: Row[] = []
      for (const entity of entities) {
        gone.push(stateOf(entity).snapshot ?? [])
        writing.work.vanished(entity)
        vanished.push(entity)
      }
      deleted.push({ table: child, rows: gone })
    }
  }
}

/** The entities of a table by what they refer to. */
interface Referring {
  readonly child: TableMetadata
  readonly reference: KnownReference
  readonly byKey: ReadonlyMap<Identity | undefined, readonly Entity[]>
}

function referringTo(writing: Writing, table: TableMetadata): readonly Referring[] {
  const { identity } = writing.work
  return [...identity.tables()]
    .filter((child) => identity.of(child).size > 0)
    .flatMap((child) =>
      knownReferences(writing.factsOf, child, [table])
        .filter(({ action }) => action !== 'none')
        .map((reference) => ({
          child,
          reference,
          byKey: Map.groupBy(identity.of(child).values(), (entity) =>
            keyIn(stateOf(entity).snapshot ?? [], reference),
          ),
        })),
    )
}

/** The entities whose rows refer to these rows, and are left. */
function referringRows(
  reference: KnownReference,
  byParent: Referring['byKey'],
  rows: readonly Row[],
): readonly Entity[] {
  const remotes = remotesOf(reference)
  const found: Entity[] = []
  for (const row of rows) {
    const key = remotes.map(({ position }) => row[position] ?? null)
    if (key.includes(null)) continue
    for (const entity of byParent.get(identityOfKey(remotes, key)) ?? [])
      if (stateOf(entity).snapshot !== undefined) found.push(entity)
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
