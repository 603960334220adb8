import type { TableMetadata } from '../schema/metadata.ts'
import { defaultValue, textOfKept, valueOfKept } from '../schema/values.ts'
import type { Row } from '../schema/wire-form.ts'
import { compiledOf } from './compiled-table.ts'
import { type EntityState, findState } from './entity-state.ts'

/** A row and its version, as the database holds them. */
export interface StoredVersion {
  readonly table: string
  /** PostgreSQL's texts of the key. */
  readonly key: readonly string[]
  readonly version: string
  /** Whether the entity has the values of that version: neither changed since, nor changed by what was rolled back. */
  readonly isCurrent: boolean
}

/** @internal The version of a value's row; undefined if it is no entity, if it has no version, or if there is no row. */
export function storedVersion(value: unknown): StoredVersion | undefined {
  const state = findState(value)
  if (state === undefined) return undefined
  const { table, snapshot } = state
  if (table.version === undefined || snapshot === undefined) return undefined
  const version = textOfKept(table.version, snapshot[table.version.position] ?? null)
  if (version === null) return undefined
  return {
    table: table.fullName,
    key: table.primaryKey.map(
      (column) => textOfKept(column, snapshot[column.position] ?? null) ?? '',
    ),
    version,
    isCurrent: isCurrent(value as object, table, snapshot),
  }
}

function isCurrent(entity: object, table: TableMetadata, snapshot: Row): boolean {
  try {
    return compiledOf(table).nextChange(entity, snapshot, 0) === -1
  } catch {
    return false // a value cannot be compared
  }
}

/** Gives an entity whose write was rolled back the version of its row, or that of a new row. */
export function undoVersion(entity: object, { table, snapshot }: EntityState): void {
  const { version, hasXmin } = table
  if (version === undefined || hasXmin) return
  const value =
    snapshot === undefined
      ? defaultValue(version)
      : valueOfKept(version, snapshot[version.position] ?? null)
  // A frozen entity keeps its values.
  Reflect.set(entity, version.property, value)
}
