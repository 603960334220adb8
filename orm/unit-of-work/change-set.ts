import { DataBridgeError } from '../errors.ts'
import type { Entity } from '../entity/entity.ts'
import { valueOf } from '../entity/property.ts'
import { isReferenced } from '../entity/references.ts'
import { stateOf } from '../entity/entity-state.ts'
import { compiledOf } from '../entity/compiled-table.ts'
import type { ColumnMetadata, TableMetadata } from '../schema/metadata.ts'
import type { Primitive, Row } from '../schema/wire-form.ts'
import { exactKept } from './exact-keys.ts'
import type { LinkChange } from './pending-relations.ts'
import type { IdentityMap } from './identity-map.ts'
import { isUnchanged, keptChange, keptOf, requireValue } from '../schema/values.ts'

/** A stored entity that differs from its snapshot. */
export interface Change {
  readonly entity: Entity
  readonly table: TableMetadata
  /** The snapshot that it was compared with. */
  readonly snapshot: Row
  /** The snapshot with what is kept of the changed columns. */
  readonly row: Row
  /** The positions of the changed columns. Changes of the same columns may share them. */
  readonly places: readonly number[]
  /** The columns whose values come from `onUpdate()`. */
  readonly made: readonly ColumnMetadata[]
}

/** The change of a stored entity that refers to new ones. What it gets as foreign keys is known when they are stored. */
export interface AwaitedChange extends Change {
  /** The positions of these foreign keys. They are among the places, without a value in the row. */
  readonly awaited: readonly number[]
}

export function awaitsKeys(change: Change): change is AwaitedChange {
  return 'awaited' in change
}

/** What a flush writes. */
export interface ChangeSet {
  readonly added: readonly Entity[]
  readonly changed: readonly Change[]
  readonly deleted: readonly Entity[]
  /** Stored entities that refer to new ones, and change when those have got their keys. */
  readonly awaiting: readonly Entity[]
  readonly links: readonly LinkChange[]
}

/** Whether a stored entity differs from its snapshot. */
export function hasChanged(entity: Entity): boolean {
  const { table, snapshot, lifecycle } = stateOf(entity)
  if (lifecycle !== 'stored' || snapshot === undefined) return false
  try {
    return compiledOf(table).nextChange(entity, snapshot, 0) !== -1
  } catch {
    return true // a value could not be compared: the flush says which
  }
}

/** Whether a stored entity differs from its snapshot in a column. */
export function isDirty(entity: Entity, column: ColumnMetadata): boolean {
  const { snapshot } = stateOf(entity)
  return !isUnchanged(column, valueOf(entity, column), snapshot?.[column.position])
}

/**
 * The change of a stored entity for a flush. Refuses values that a column cannot hold.
 *
 * @param last another change, whose places are taken if they are the same
 */
export function changeOf(entity: Entity, identity: IdentityMap, last?: Change): Change | undefined {
  const { table, snapshot, lifecycle, references } = stateOf(entity)
  if (lifecycle !== 'stored' || snapshot === undefined) return undefined
  let position = nextChange(entity, table, snapshot, 0)
  if (position === -1) return undefined
  if (table.version !== undefined) requireRenewable(entity, table)
  const row = snapshot.slice()
  const places = new Places(last?.places)
  while (position !== -1) {
    const column = table.columns[position] as ColumnMetadata
    const value = valueOf(entity, column)
    // The flush fills it in when the row that it refers to is stored.
    if (value === undefined && isReferenced(column, references)) {
      position = nextChange(entity, table, snapshot, position + 1)
      continue
    }
    if (column.primaryKey) throw changedKeyError(table, column)
    if (column.version) throw changedVersionError(table, column)
    requireValue(table, column, value)
    const stored = snapshot[position] ?? null
    row[position] = exactKept(identity, entity, column) ?? keptChange(column, value, stored)
    places.add(position)
    position = nextChange(entity, table, snapshot, position + 1)
  }
  const made = makeColumns(table, row, places)
  return { entity, table, snapshot, row, places: places.list, made }
}

function nextChange(entity: Entity, table: TableMetadata, snapshot: Row, from: number): number {
  try {
    return compiledOf(table).nextChange(entity, snapshot, from)
  } catch (cause) {
    // One by one they say which value cannot be compared.
    for (const column of table.columns)
      isUnchanged(column, valueOf(entity, column), snapshot[column.position])
    throw cause
  }
}

/** A list of positions. As long as it is the last one, nothing is copied. */
class Places {
  readonly #last: readonly number[]
  #count = 0
  #own: number[] | undefined

  constructor(last: readonly number[] = noPlaces) {
    this.#last = last
  }

  add(place: number): void {
    if (this.#own !== undefined) this.#own.push(place)
    else if (this.#last[this.#count] === place) this.#count += 1
    else this.#own = [...this.#last.slice(0, this.#count), place]
  }

  has(place: number): boolean {
    const index = (this.#own ?? this.#last).indexOf(place)
    return index >= 0 && (this.#own !== undefined || index < this.#count)
  }

  get list(): readonly number[] {
    if (this.#own !== undefined) return this.#own
    return this.#count === this.#last.length ? this.#last : this.#last.slice(0, this.#count)
  }
}

const noPlaces: readonly number[] = []
const none: readonly ColumnMetadata[] = []

/** Adds what `onUpdate()` makes. */
function makeColumns(
  table: TableMetadata,
  row: Primitive[],
  places: Places,
): readonly ColumnMetadata[] {
  const all = madeColumns(table)
  if (all.length === 0) return none
  const made = all.filter(({ position }) => !places.has(position))
  for (const column of made) {
    const value = column.onUpdate?.()
    requireValue(table, column, value)
    row[column.position] = keptOf(column, value)
    places.add(column.position)
  }
  return made
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

export function isEmpty({ added, changed, deleted, awaiting, links }: ChangeSet): boolean {
  return [added, changed, deleted, awaiting, links].every(({ length }) => length === 0)
}

/** After an UPDATE, the entity gets its new version. */
function requireRenewable(entity: Entity, table: TableMetadata): void {
  if (table.hasXmin || !Object.isFrozen(entity)) return
  throw new DataBridgeError(
    'DATA_BRIDGE_ERR_ENTITY',
    `a flush expected an entity that can be changed, since its version is counted, got a frozen ${table.entityName}`,
  )
}

function changedVersionError(table: TableMetadata, column: ColumnMetadata): DataBridgeError {
  return new DataBridgeError(
    'DATA_BRIDGE_ERR_FLUSH',
    `${table.entityName}.${column.property} is the version of a stored row and cannot be changed: every UPDATE counts it`,
  )
}

function changedKeyError(table: TableMetadata, column: ColumnMetadata): DataBridgeError {
  return new DataBridgeError(
    'DATA_BRIDGE_ERR_FLUSH',
    `${table.entityName}.${column.property} is the primary key of a stored row and cannot be changed; delete the row and add a new one`,
  )
}
