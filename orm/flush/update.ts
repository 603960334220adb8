import { absorb, isKeptAsItIs } from '../entity/absorb.ts'
import { stateOf } from '../entity/entity-state.ts'
import { valueOf } from '../entity/property.ts'
import type { ColumnMetadata, TableMetadata } from '../schema/metadata.ts'
import type { Primitive, Row } from '../schema/wire-form.ts'
import { guardedUpdateRows } from '../sql/guarded-writes.ts'
import { isInUniqueKey } from '../sql/unique-keys.ts'
import { type ChangedRows, updateRows } from '../sql/write-statements.ts'
import type { Change } from '../unit-of-work/change-set.ts'
import { rowsByPlace } from './row-counts.ts'
import { areSafelyKept, isSafelyRead } from './safely-read.ts'
import { firstPartOf } from './split-updates.ts'
import { readVersions } from './versions.ts'
import type { Writing } from './writing.ts'

/** Updates rows of one table with one statement. */
export function updateTable(
  writing: Writing,
  table: TableMetadata,
  changes: readonly Change[],
): void {
  const facts = writing.factsOf(table)
  const { columns, changed } = changedColumns(table, changes)
  const rows = changedRows(table, columns, changed, changes)
  const entities = changes.map(({ entity }) => entity)
  const returned = facts.afterUpdate(columns, rows.loaded)
  const isReferable = columns.some(({ position }) => isInUniqueKey(table, facts, position))
  const take = (change: Change, got: Row | undefined, isCommitted: boolean): void => {
    const { entity, places } = change
    const state = stateOf(entity)
    const { snapshot = [] } = state
    if (returned.length === 0 && snapshot === change.snapshot && hasRow(change)) {
      state.snapshot = change.row
      return writing.work.updated(entity, snapshot, isCommitted)
    }
    const sent = snapshot === change.snapshot ? change.row : rowOn(snapshot, change)
    const row = returned.length === 0 ? sent : sent.slice()
    for (let place = 0; place < returned.length; place += 1) {
      const { position, deferred } = returned[place] as ColumnMetadata
      // Another entity of the batch changed this column, this one did not. Its snapshot stays.
      const isOfOthers = facts.isPlain && changed.has(position) && !places.includes(position)
      const isUnknown = deferred && sent[position] === undefined // not loaded in this entity
      if (!isOfOthers && !isUnknown) (row as Primitive[])[position] = got?.[place] ?? null
    }
    absorb(entity, row, heldRow(change, sent))
    writing.work.updated(entity, snapshot, isCommitted)
  }
  writing.put({
    verb: 'UPDATE',
    table,
    entities,
    statement: () => updateRows(table, columns, rows, facts),
    guarded: () =>
      areSafelyKept(columns) && returned.every((column) => isSafelyRead(column, facts))
        ? guardedUpdateRows(table, columns, rows, facts)
        : undefined,
    absorb(written) {
      const isBare = written.isGuarded && returned.length === 0
      const got = isBare ? [] : rowsByPlace('UPDATE', table, entities.length, written)
      for (let index = 0; index < changes.length; index += 1)
        take(changes[index] as Change, got[index], written.isGuarded)
      // Foreign keys of other tables may follow.
      if (!facts.isPlain || isReferable) writing.work.undo.wroteUnseen()
    },
  })
  if (facts.rereadsXmin) readVersions(writing, table, entities)
}

/** Whether the entity has exactly the values of the row that was sent, so that there is nothing to read back. */
function hasRow({ entity, table, row, places }: Change): boolean {
  for (let index = 0; index < places.length; index += 1) {
    const place = places[index] as number
    const column = table.columns[place] as ColumnMetadata
    if (!isKeptAsItIs(column, valueOf(entity, column), row[place] as Primitive)) return false
  }
  return true
}

interface ChangedColumns {
  readonly columns: readonly ColumnMetadata[]
  /** Their positions. */
  readonly changed: ReadonlySet<number>
}

function changedColumns(table: TableMetadata, changes: readonly Change[]): ChangedColumns {
  const changed = new Set<number>()
  let last: readonly number[] | undefined
  for (let index = 0; index < changes.length; index += 1) {
    const { places } = changes[index] as Change
    if (places === last) continue
    for (const place of places) changed.add(place)
    last = places
  }
  return { columns: table.columns.filter(({ position }) => changed.has(position)), changed }
}

/** What one UPDATE sends, column by column. */
function changedRows(
  table: TableMetadata,
  columns: readonly ColumnMetadata[],
  changed: ReadonlySet<number>,
  changes: readonly Change[],
): ChangedRows {
  const { version } = table
  const isPartial = changes.some(({ places }) => places.length < changed.size)
  const values = columns.map(({ position }) => changes.map(({ row }) => row[position] ?? null))
  return {
    count: changes.length,
    loaded: table.deferred.filter(({ position }) =>
      changes.some(({ row }) => row[position] !== undefined),
    ),
    keys: table.primaryKey.map(({ position }) => changes.map(({ row }) => row[position] ?? null)),
    values,
    versions: version && changes.map((change) => readVersion(change, version)),
    flags: columns.map(({ position }) => {
      if (!isPartial) return undefined
      const flags = changes.map(({ places }) => places.includes(position))
      return flags.includes(false) ? flags : undefined
    }),
  }
}

/** What is kept of the version that the row has to have: that of the values that were compared, or of the first part. */
function readVersion(change: Change, { position }: ColumnMetadata): Primitive {
  const row = firstPartOf(change) === undefined ? change.row : stateOf(change.entity).snapshot
  return row?.[position] ?? null
}

/** The changed columns on a snapshot that was read again meanwhile. */
function rowOn(snapshot: Row, { row, places }: Change): Row {
  const sent = snapshot.slice()
  for (const place of places) sent[place] = row[place] as Primitive
  return sent
}

/** What was kept of the entity's properties when it was sent: the sent row, except the columns of `onUpdate()`. */
function heldRow({ entity, made }: Change, sent: Row): Row {
  if (made.length === 0) return sent
  const { snapshot = [] } = stateOf(entity)
  const held = [...sent]
  for (const { position } of made) held[position] = snapshot[position] as Primitive
  return held
}
