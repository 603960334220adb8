import { DataBridgeError } from '../errors.ts'
import type { ColumnMetadata, TableMetadata } from '../schema/metadata.ts'
import { valueOfKept } from '../schema/values.ts'
import type { Primitive, Row } from '../schema/wire-form.ts'
import type { Entity } from './entity.ts'
import { stateOf } from './entity-state.ts'
import { setValue, valueOf } from './property.ts'

const none: readonly ColumnMetadata[] = []

/** The deferred columns of an entity that the session knows. */
export function loadedColumns(entity: Entity): readonly ColumnMetadata[] {
  const { table, snapshot } = stateOf(entity)
  if (table.deferred.length === 0) return none
  return table.deferred.filter(({ position }) => snapshot?.[position] !== undefined)
}

/** The deferred columns that an entity has a value of: of its row, or one that the program has set. */
export function columnsWithValue(entity: Entity): readonly ColumnMetadata[] {
  const { table, snapshot } = stateOf(entity)
  return table.deferred.filter(
    (column) => snapshot?.[column.position] !== undefined || valueOf(entity, column) !== undefined,
  )
}

/** Whether an entity of a row lacks one of these columns. */
export function lacks(entity: Entity, columns: readonly ColumnMetadata[]): boolean {
  const { snapshot } = stateOf(entity)
  return snapshot !== undefined && columns.some(({ position }) => snapshot[position] === undefined)
}

/** Whether a row has a value of a deferred column. */
export function hasDeferred({ deferred }: TableMetadata, row: Row): boolean {
  for (let index = 0; index < deferred.length; index += 1)
    if (row[(deferred[index] as ColumnMetadata).position] !== undefined) return true
  return false
}

/** A newer row, with what is known of the deferred columns that it does not have. */
export function withLoaded({ deferred }: TableMetadata, row: Row, known: Row | undefined): Row {
  let merged: Primitive[] | undefined
  for (const { position } of deferred) {
    const kept = known?.[position]
    if (row[position] !== undefined || kept === undefined) continue
    merged ??= row.slice()
    merged[position] = kept
  }
  return merged ?? row
}

/**
 * Gives an entity the deferred columns of a row that it does not have yet. A value that the program has set stays,
 * and differs from the snapshot, so the next flush writes it.
 *
 * @returns what the entity did not have: the snapshot at these places, with nothing at the others
 */
export function fillDeferred(entity: Entity, row: Row): Row | undefined {
  const state = stateOf(entity)
  const { table, snapshot } = state
  if (snapshot === undefined) return undefined
  const missing = table.deferred.filter(
    ({ position }) => snapshot[position] === undefined && row[position] !== undefined,
  )
  if (missing.length === 0) return undefined
  const filled: Primitive[] = []
  const values: (readonly [ColumnMetadata, unknown])[] = []
  for (const column of missing) {
    const kept = row[column.position] as Primitive
    filled[column.position] = kept
    if (valueOf(entity, column) === undefined)
      values.push([column, valueOfKept(column, kept, table, row)])
  }
  if (values.length > 0) requireWritable(entity, table)
  // Only after all values were decoded: if one fails, the entity must not have half of them.
  for (const [column, value] of values) setValue(entity, column, value)
  state.snapshot = withLoaded(table, snapshot, filled)
  return filled
}

function requireWritable(entity: Entity, { entityName }: TableMetadata): void {
  if (!Object.isFrozen(entity)) return
  throw new DataBridgeError(
    'DATA_BRIDGE_ERR_ENTITY',
    `undefer() expected an entity that can be changed, got a frozen ${entityName}`,
  )
}
