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

/** The columns in which a stored entity differs from its snapshot; undefined if there are none. */
function dirtyColumns(entity: Entity): readonly ColumnMetadata[] | undefined {
  const state = stateOf(entity)
  if (!isDifferent(entity, state)) return undefined
  const { table, snapshot = [] } = state
  return table.columns.filter(
    (column) => !isUnchanged(column, valueOf(entity, column), snapshot[column.position] ?? null),
  )
}

/** Whether a stored entity differs from its snapshot in a column. */
export function isDirty(entity: Entity, column: ColumnMetadata): boolean {
  const { snapshot } = stateOf(entity)
  return !isUnchanged(column, valueOf(entity, column), snapshot?.[column.position] ?? null)
}

/** The change of a stored entity for a flush. Refuses values that a column cannot hold. */
export function changeOf(entity: Entity, identity: IdentityMap): Change | undefined {
  const dirty = dirtyColumns(entity)
  if (dirty === undefined) return undefined
  const { table, snapshot } = stateOf(entity)
  const columns = new Map<ColumnMetadata, Primitive>()
  for (const column of dirty) {
    if (column.primaryKey) throw changedKeyError(table, column)
    const value = valueOf(entity, column)
    requireValue(table, column, value)
    const stored = snapshot?.[column.position] ?? null
    columns.set(column, exactKept(identity, entity, column) ?? keptChange(column, value, stored))
  }
  const made: ColumnMetadata[] = []
  for (const column of table.columns) {
    if (column.onUpdate === undefined || column.primaryKey || columns.has(column)) continue
    const value = column.onUpdate()
    requireValue(table, column, value)
    columns.set(column, keptOf(column, value))
    made.push(column)
  }
  return { entity, table, columns, made }
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
