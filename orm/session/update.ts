import { absorb } from '../entity/absorb.ts'
import { type RawRow, stateOf } from '../entity/entity-state.ts'
import { storedKey } from '../entity/identity.ts'
import type { ColumnMetadata, TableMetadata } from '../schema/metadata.ts'
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
    const sent: (string | null)[] = [...snapshot]
    for (const [{ position }, text] of change.columns) sent[position] = text
    const row = returned.length === 0 ? sent : [...sent]
    returned.forEach((column, place) => {
      // Another entity of the batch changed this column, this one did not. Its snapshot stays.
      const isOfOthers = facts.isPlain && changed.has(column) && !change.columns.has(column)
      if (!isOfOthers) row[column.position] = got[index]?.[place] ?? null
    })
    absorb(entity, row, heldTexts(change, sent))
    writing.work.updated(entity, snapshot)
  })
}

/** The texts of the entity's properties when it was sent: the sent texts, except those of `onUpdate()`. */
function heldTexts({ entity, made }: Change, sent: readonly (string | null)[]): RawRow {
  if (made.length === 0) return sent
  const { snapshot = [] } = stateOf(entity)
  const held = [...sent]
  for (const { position } of made) held[position] = snapshot[position] ?? null
  return held
}
