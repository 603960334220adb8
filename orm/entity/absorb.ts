import type { Entity } from './entity.ts'
import { type RawRow, stateOf } from './entity-state.ts'
import { setValue, valueOf } from './property.ts'
import { decodeColumn, isUnchanged, readBack } from '../schema/values.ts'

/**
 * Puts a row that the database holds into an entity and its snapshot. A value that the program has
 * changed since it was sent stays, and is seen as a change at the next flush.
 *
 * @param held the texts of the entity's values when it was sent; undefined where it had none
 */
export function absorb(
  entity: Entity,
  row: RawRow,
  held: readonly (string | null | undefined)[],
): void {
  const state = stateOf(entity)
  for (const column of state.table.columns) {
    const text = row[column.position] ?? null
    const known = held[column.position]
    if (text === known) continue
    const value = valueOf(entity, column)
    const isUntouched =
      value === undefined || (known !== undefined && isUnchanged(column, value, known))
    if (isUntouched) setValue(entity, column, readBack(column, value, text))
  }
  state.snapshot = row
}

/** Puts a row that was read again into an entity, over whatever the program has changed. */
export function reload(entity: Entity, row: RawRow): void {
  const state = stateOf(entity)
  for (const column of state.table.columns)
    setValue(entity, column, decodeColumn(column, row[column.position] ?? null))
  state.snapshot = row
  for (const handle of state.handles?.values() ?? []) handle.forget()
}
