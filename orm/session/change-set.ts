import { DataBridgeError } from '../errors.ts'
import type { Entity } from '../entity/entity.ts'
import { valueOf } from '../entity/property.ts'
import { type EntityState, stateOf } from '../entity/entity-state.ts'
import { compiledOf } from '../entity/compiled-table.ts'
import type { ColumnMetadata, TableMetadata } from '../schema/metadata.ts'
import type { Primitive } from '../schema/wire-form.ts'
import { exactKept } from './exact-keys.ts'
import type { IdentityMap } from './identity-map.ts'
import { isUnchanged, keptChange, keptOf, requireValue } from '../schema/values.ts'

/** A stored entity that differs from its snapshot, with what is kept of the changed columns. */
export interface Change {
  readonly entity: Entity
  readonly table: TableMetadata
  readonly columns: ReadonlyMap<ColumnMetadata, Primitive>
  /** The columns whose values come from `onUpdate()`. */
  readonly made: readonly ColumnMetadata[]
}

/** What a flush writes. */
export interface ChangeSet {
  readonly added: readonly Entity[]
  readonly changed: readonly Change[]
  readonly deleted: readonly Entity[]
}

/** Whether a stored entity differs from its snapshot. */
export function hasChanged(entity: Entity): boolean {
  return isDifferent(entity, stateOf(entity))
}

function isDifferent(entity: Entity, { table, snapshot, lifecycle }: EntityState): boolean {
  if (lifecycle !== 'stored' || snapshot === undefined) return false
  try {
    return !compiledOf(table).isSame(entity, snapshot)
  } catch {
    return true // a value could not be compared: one by one they say which
  }
}

/** Whether a stored entity differs from its snapshot in a column. */
export function isDirty(entity: Entity, column: ColumnMetadata): boolean {
  const { snapshot } = stateOf(entity)
  return !isUnchanged(column, valueOf(entity, column), snapshot?.[column.position] ?? null)
}

/** The change of a stored entity for a flush. Refuses values that a column cannot hold. */
export function changeOf(entity: Entity, identity: IdentityMap): Change | undefined {
  const state = stateOf(entity)
  if (!isDifferent(entity, state)) return undefined
  const { table, snapshot = [] } = state
  const values = compiledOf(table).valuesOf(entity)
  const columns = new Map<ColumnMetadata, Primitive>()
  for (let position = 0; position < values.length; position += 1) {
    const column = table.columns[position] as ColumnMetadata
    const value = values[position]
    const stored = snapshot[position] ?? null
    if (isUnchanged(column, value, stored)) continue
    if (column.primaryKey) throw changedKeyError(table, column)
    requireValue(table, column, value)
    columns.set(column, exactKept(identity, entity, column) ?? keptChange(column, value, stored))
  }
  const made = madeColumns(table).filter((column) => !columns.has(column))
  for (const column of made) {
    const value = column.onUpdate?.()
    requireValue(table, column, value)
    columns.set(column, keptOf(column, value))
  }
  return { entity, table, columns, made }
}

const madeByUpdate = new WeakMap<TableMetadata, readonly ColumnMetadata[]>()

/** The columns that an update gives a value. */
function madeColumns(table: TableMetadata): readonly ColumnMetadata[] {
  let columns = madeByUpdate.get(table)
  if (columns === undefined) {
    columns = table.columns.filter(
      ({ onUpdate, primaryKey }) => onUpdate !== undefined && !primaryKey,
    )
    madeByUpdate.set(table, columns)
  }
  return columns
}

export function isEmpty({ added, changed, deleted }: ChangeSet): boolean {
  return added.length === 0 && changed.length === 0 && deleted.length === 0
}

function changedKeyError(table: TableMetadata, column: ColumnMetadata): DataBridgeError {
  return new DataBridgeError(
    'DATA_BRIDGE_ERR_FLUSH',
    `${table.entityName}.${column.property} is the primary key of a stored row and cannot be changed; delete the row and add a new one`,
  )
}
