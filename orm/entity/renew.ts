import type { ColumnMetadata } from '../schema/metadata.ts'
import { isUnchanged, valueOfKept } from '../schema/values.ts'
import type { Row } from '../schema/wire-form.ts'
import { withLoaded } from './deferred.ts'
import type { Entity } from './entity.ts'
import { stateOf } from './entity-state.ts'
import { setValue, valueOf } from './property.ts'

/**
 * Puts a newer row into an entity. Values that the program has changed stay, and differ from the new snapshot,
 * so the next flush writes them. Loaded relations stay: the handle of a foreign key sees itself that the key changed.
 */
export function renew(entity: Entity, row: Row): void {
  const state = stateOf(entity)
  const { table, snapshot } = state
  if (snapshot === undefined || snapshot === row) return
  const values: (readonly [ColumnMetadata, unknown])[] = []
  for (const column of table.columns) {
    const kept = row[column.position]
    const known = snapshot[column.position]
    // A deferred column that was not read stays as it is.
    if (kept === undefined) continue
    if (kept === known || !isUnchanged(column, valueOf(entity, column), known)) continue
    values.push([column, valueOfKept(column, kept, table, row)])
  }
  // Only after all values were decoded: if one fails, the entity must not have half of the row.
  for (const [column, value] of values) setValue(entity, column, value)
  state.snapshot = withLoaded(table, row, snapshot)
}

/**
 * Takes back what {@link renew} has put into an entity. Values that the program has changed since stay.
 *
 * @param before the row that it had then
 * @param after the row that it got
 */
export function takeBack(entity: Entity, before: Row, after: Row): void {
  const { table } = stateOf(entity)
  for (const column of table.columns) {
    const [kept, known] = [before[column.position], after[column.position]]
    if (kept === undefined || kept === known) continue
    if (!isUnchanged(column, valueOf(entity, column), known)) continue
    // A frozen entity keeps its values.
    Reflect.set(entity, column.property, valueOfKept(column, kept, table, before))
  }
}
