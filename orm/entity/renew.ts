import type { ColumnMetadata } from '../schema/metadata.ts'
import { decodeColumn, isUnchanged } from '../schema/values.ts'
import type { Entity } from './entity.ts'
import { type RawRow, stateOf } from './entity-state.ts'
import { setValue, valueOf } from './property.ts'

/**
 * Puts a newer row into an entity. Values that the program has changed stay, and differ from the new snapshot,
 * so the next flush writes them. Loaded relations stay: the handle of a foreign key sees itself that the key changed.
 */
export function renew(entity: Entity, row: RawRow): void {
  const state = stateOf(entity)
  const { table, snapshot } = state
  if (snapshot === undefined || snapshot === row) return
  const values: (readonly [ColumnMetadata, unknown])[] = []
  for (const column of table.columns) {
    const text = row[column.position] ?? null
    const known = snapshot[column.position] ?? null
    if (text === known || !isUnchanged(column, valueOf(entity, column), known)) continue
    values.push([column, decodeColumn(column, text, table, row)])
  }
  // Only after all values were decoded: if one fails, the entity must not have half of the row.
  for (const [column, value] of values) setValue(entity, column, value)
  state.snapshot = row
}
