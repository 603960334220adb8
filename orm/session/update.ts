import { absorb } from '../entity/absorb.ts'
import { stateOf } from '../entity/entity-state.ts'
import { storedKey } from '../entity/identity.ts'
import type { ColumnMetadata, TableMetadata } from '../schema/metadata.ts'
import type { Primitive, Row } from '../schema/wire-form.ts'
import { guardedUpdateRows } from '../sql/guarded-writes.ts'
import { type ChangedRow, updateRows } from '../sql/write-statements.ts'
import type { Change } from './change-set.ts'
import { rowsByPlace } from './row-counts.ts'
import { isSafelyRead } from './safely-read.ts'
import type { Writing } from './writing.ts'

/** Updates rows of one table with one statement. */
export function updateTable(
  writing: Writing,
  table: TableMetadata,
  changes: readonly Change[],
): void {
  const facts = writing.factsOf(table)
  const changed = new Set<ColumnMetadata>()
  for (const change of changes) for (const column of change.columns.keys()) changed.add(column)
  const columns = table.columns.filter((column) => changed.has(column))
  const rows = changes.map((change): ChangedRow => ({
    key: storedKey(change.entity),
    values: columns.map((column) => change.columns.get(column)),
  }))
  const entities = changes.map(({ entity }) => entity)
  const returned = facts.afterUpdate(columns)
  const take = (change: Change, got: Row | undefined): void => {
    const { entity } = change
    const { snapshot = [] } = stateOf(entity)
    const sent: Primitive[] = [...snapshot]
    for (const [{ position }, kept] of change.columns) sent[position] = kept
    const row = returned.length === 0 ? sent : [...sent]
    returned.forEach((column, place) => {
      // Another entity of the batch changed this column, this one did not. Its snapshot stays.
      const isOfOthers = facts.isPlain && changed.has(column) && !change.columns.has(column)
      if (!isOfOthers) row[column.position] = got?.[place] ?? null
    })
    absorb(entity, row, heldRow(change, sent))
    writing.work.updated(entity, snapshot)
  }
  writing.put({
    verb: 'UPDATE',
    table,
    entities,
    statement: () => updateRows(table, columns, rows, facts),
    guarded: () =>
      returned.every((column) => isSafelyRead(column, facts))
        ? guardedUpdateRows(table, columns, rows, facts)
        : undefined,
    absorb(written) {
      const isBare = written.isGuarded && returned.length === 0
      const got = isBare ? [] : rowsByPlace('UPDATE', table, entities.length, written)
      changes.forEach((change, index) => take(change, got[index]))
    },
  })
}

/** What was kept of the entity's properties when it was sent: the sent row, except the columns of `onUpdate()`. */
function heldRow({ entity, made }: Change, sent: Row): Row {
  if (made.length === 0) return sent
  const { snapshot = [] } = stateOf(entity)
  const held = [...sent]
  for (const { position } of made) held[position] = snapshot[position] ?? null
  return held
}
