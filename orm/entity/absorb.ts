import type { Entity } from './entity.ts'
import { type RawRow, stateOf } from './entity-state.ts'
import type { ColumnMetadata } from '../schema/metadata.ts'
import { setValue, valueOf } from './property.ts'
import { decodeColumn, isUnchanged, readBack } from '../schema/values.ts'

/**
 * Puts a row of the database into an entity and its snapshot. If the program changed a value after it was
 * sent, the value stays, and the next flush writes it.
 *
 * @param held the texts of the entity's values when they were sent; undefined for a column without a value
 */
export function absorb(
  entity: Entity,
  row: RawRow,
  held: readonly (string | null | undefined)[],
): void {
  const state = stateOf(entity)
  const { table, snapshot } = state
  let values: Map<ColumnMetadata, unknown> | undefined
  for (const column of table.columns) {
    const text = row[column.position] ?? null
    const known = held[column.position]
    // Neither the flush nor the database has changed it.
    if (text === known && text === snapshot?.[column.position]) continue
    const value = valueOf(entity, column)
    const isUntouched =
      value === undefined || (known !== undefined && isUnchanged(column, value, known))
    if (!isUntouched) continue
    const stored = readBack(column, value, text, table, row)
    if (Object.is(stored, value)) continue
    values ??= new Map()
    values.set(column, stored)
  }
  if (values !== undefined) assignAll(entity, values)
  state.snapshot = row
}

/** Puts a row that was read again into an entity. Changes of the program are lost. */
export function reload(entity: Entity, row: RawRow): void {
  const state = stateOf(entity)
  const { table } = state
  const values = table.columns.map(
    (column) => [column, decodeColumn(column, row[column.position] ?? null, table, row)] as const,
  )
  assignAll(entity, values)
  state.snapshot = row
  for (const handle of state.handles?.values() ?? []) handle.forget()
}

// Only after all values were decoded: if one fails, the entity must not have half of the row.
function assignAll(entity: Entity, values: Iterable<readonly [ColumnMetadata, unknown]>): void {
  for (const [column, value] of values) setValue(entity, column, value)
}
