import { writesOf } from './compiled-writes.ts'
import { withLoaded } from './deferred.ts'
import type { Entity } from './entity.ts'
import { stateOf } from './entity-state.ts'
import type { ColumnMetadata } from '../schema/metadata.ts'
import { setValue, valueOf } from './property.ts'
import { isUnchanged, readBack, valueOfKept } from '../schema/values.ts'
import type { Primitive, Row } from '../schema/wire-form.ts'

/**
 * Puts a row of the database into an entity and its snapshot. If the program changed a value after it was
 * sent, the value stays, and the next flush writes it.
 *
 * @param held what was kept of the entity's values when they were sent; undefined for a column without a value
 */
export function absorb(entity: Entity, row: Row, held: readonly (Primitive | undefined)[]): void {
  const state = stateOf(entity)
  const { table, snapshot } = state
  const { columns } = table
  let values: Map<ColumnMetadata, unknown> | undefined
  for (let position = 0; position < columns.length; position += 1) {
    const kept = row[position]
    if (kept === undefined) continue // deferred, and not read
    const known = held[position]
    // Neither the flush nor the database has changed it.
    if (kept === known && snapshot !== undefined && kept === snapshot[position]) continue
    const column = columns[position] as ColumnMetadata
    const value = valueOf(entity, column)
    if (isKeptAsItIs(column, value, kept)) continue
    const isUntouched =
      value === undefined || (known !== undefined && isUnchanged(column, value, known))
    if (!isUntouched) continue
    const stored = readBack(column, value, kept, table, row)
    if (Object.is(stored, value)) continue
    values ??= new Map()
    values.set(column, stored)
  }
  if (values !== undefined) assignAll(entity, values)
  state.snapshot = row
}

/** Whether a value is what is kept of it, so that reading that back gives nothing new. */
export function isKeptAsItIs({ type }: ColumnMetadata, value: unknown, kept: Primitive): boolean {
  return Object.is(value, kept) && type.keep.how !== 'text'
}

/**
 * {@link absorb} for a row that was inserted, where each value that the entity has is that of the row. False, and nothing
 * is changed, if one is not.
 */
export function absorbNew(entity: Entity, row: Row): boolean {
  const state = stateOf(entity)
  try {
    if (!writesOf(state.table).take(entity, row)) return false
  } catch {
    return false // a value cannot be read: one by one they say which
  }
  state.snapshot = row
  return true
}

/** Puts a row that was read again into an entity. Changes of the program are lost. */
export function reload(entity: Entity, row: Row): void {
  const state = stateOf(entity)
  const { table } = state
  const values: (readonly [ColumnMetadata, unknown])[] = []
  for (const column of table.columns) {
    const kept = row[column.position]
    if (kept !== undefined) values.push([column, valueOfKept(column, kept, table, row)])
  }
  assignAll(entity, values)
  state.snapshot = withLoaded(table, row, state.snapshot)
  for (const handle of state.handles?.values() ?? []) handle.forget()
}

// Only after all values were decoded: if one fails, the entity must not have half of the row.
function assignAll(entity: Entity, values: Iterable<readonly [ColumnMetadata, unknown]>): void {
  for (const [column, value] of values) setValue(entity, column, value)
}
