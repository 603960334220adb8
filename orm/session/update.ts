import { absorb } from '../entity/absorb.ts'
import { stateOf } from '../entity/entity-state.ts'
import { storedKey } from '../entity/identity.ts'
import type { ColumnMetadata, TableMetadata } from '../schema/metadata.ts'
import type { Primitive, Row } from '../schema/wire-form.ts'
import { type ChangedRow, updateRows } from '../sql/write-statements.ts'
import type { Change } from './change-set.ts'
import { rowsByPlace } from './row-counts.ts'
import type { Writing } from './writing.ts'

/** Updates rows of one table with one statement. */
export async function updateTable(
  writing: Writing,
  table: TableMetadata,
  changes: readonly Change[],
): Promise<void> {
  const facts = writing.factsOf(table)
  const changed = new Set<ColumnMetadata>()
  for (const change of changes) for (const column of change.columns.keys()) changed.add(column)
  const columns = table.columns.filter((column) => changed.has(column))
  const rows = changes.map((change): ChangedRow => ({
    key: storedKey(change.entity),
    values: columns.map((column) => change.columns.get(column)),
  }))
  const statement = updateRows(table, columns, rows, facts)
  const entities = changes.map(({ entity }) => entity)
  const result = await writing.send({ verb: 'UPDATE', table, entities, statement })
  const got = rowsByPlace('UPDATE', table, entities.length, result)
  const returned = facts.afterUpdate(columns)
  changes.forEach((change, index) => {
    const { entity } = change
    const { snapshot = [] } = stateOf(entity)
    const sent: Primitive[] = [...snapshot]
    for (const [{ position }, kept] of change.columns) sent[position] = kept
    const row = returned.length === 0 ? sent : [...sent]
    returned.forEach((column, place) => {
      // Another entity of the batch changed this column, this one did not. Its snapshot stays.
      const isOfOthers = facts.isPlain && changed.has(column) && !change.columns.has(column)
      if (!isOfOthers) row[column.position] = got[index]?.[place] ?? null
    })
    absorb(entity, row, heldRow(change, sent))
    writing.work.updated(entity, snapshot)
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
