import type { Entity } from './entity.ts'
import { type RawRow, stateOf } from './entity-state.ts'
import { decodeColumn, isUnchanged } from '../schema/values.ts'

type Values = Record<string, unknown>

/**
 * Puts a row that the database holds into an entity and its snapshot. A value that the program has
 * changed since it was sent stays, and is seen as a change at the next flush.
 *
 * @param sent what was sent for each column of the table; undefined where nothing was
 */
export function absorb(
  entity: Entity,
  row: RawRow,
  sent: readonly (string | null | undefined)[],
): void {
  const state = stateOf(entity)
  const values = entity as unknown as Values
  for (const column of state.table.columns) {
    const { position, property } = column
    const text = row[position] ?? null
    const value = values[property]
    if (isUnchanged(column, value, text)) continue
    const known = sent[position]
    const isUntouched =
      value === undefined || (known !== undefined && isUnchanged(column, value, known))
    if (isUntouched) values[property] = decodeColumn(column, text)
  }
  state.snapshot = row
}

/** Puts a row that was read again into an entity, over whatever the program has changed. */
export function reload(entity: Entity, row: RawRow): void {
  const state = stateOf(entity)
  for (const column of state.table.columns) {
    ;(entity as unknown as Values)[column.property] = decodeColumn(
      column,
      row[column.position] ?? null,
    )
  }
  state.snapshot = row
  for (const handle of state.handles?.values() ?? []) handle.forget()
}
