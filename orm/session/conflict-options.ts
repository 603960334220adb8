import type { ColumnName } from '../entity/types.ts'
import { DataBridgeError, describe } from '../errors.ts'
import type { ColumnMetadata, TableMetadata } from '../schema/metadata.ts'
import type { AnyEntityClass, EntityOf } from '../schema/relation.ts'
import type { Conflict } from '../sql/upsert-statements.ts'
import { listed } from '../util/messages.ts'
import { optionError, refuseUnknown } from '../util/option-checks.ts'

/** What `upsert()` does where a row is there already. */
export interface ConflictColumns<C extends AnyEntityClass> {
  /** The columns of a primary or unique key. A row is there already if it has the same values. */
  readonly on: readonly ColumnName<EntityOf<C>>[]
  /**
   * The columns that the row takes from the given values; of a value that is not given, the default. Columns of
   * `onUpdate()` are set too, and a version goes up. If the list is empty, the row stays as it is.
   */
  readonly update: readonly ColumnName<EntityOf<C>>[]
}

/** The options of `insertMany()`. */
export interface InsertOptions<C extends AnyEntityClass> {
  /**
   * What happens to a row whose key is taken. By default, the statement fails. `'ignore'` leaves out such rows,
   * whatever their key. With columns, the row that is there is changed as `upsert()` does it.
   */
  readonly onConflict?: 'ignore' | ConflictColumns<C> | undefined
}

const ignore: Conflict = Object.freeze({ on: undefined, update: [], renewed: [] })

/** @returns undefined if a conflict is an error */
export function insertConflict(
  table: TableMetadata,
  options: unknown,
  where: string,
): Conflict | undefined {
  requireObject(options, where)
  refuseUnknown(options, ['onConflict'], where)
  const { onConflict } = options as { onConflict?: unknown }
  if (onConflict === undefined) return undefined
  return onConflict === 'ignore' ? ignore : conflictOf(table, onConflict, `${where}: onConflict`)
}

export function conflictOf(table: TableMetadata, options: unknown, where: string): Conflict {
  requireObject(options, where)
  refuseUnknown(options, ['on', 'update'], where)
  const { on, update } = options as { on?: unknown; update?: unknown }
  const key = columnsOf(table, on, `${where}: on`)
  if (key.length === 0)
    throw queryError(`${where}: on expected the columns of a unique key, got none`)
  const changed = columnsOf(table, update, `${where}: update`)
  const fixed = changed.find((column) => column.primaryKey || column === table.version)
  if (fixed !== undefined)
    throw queryError(
      `${where}: update expected columns beside the primary key and the version, got ${fixed.property}`,
    )
  const renewed = table.columns.filter(
    (column) => column.onUpdate !== undefined && !changed.includes(column),
  )
  return { on: key, update: changed, renewed: changed.length === 0 ? [] : renewed }
}

function columnsOf(table: TableMetadata, given: unknown, where: string): readonly ColumnMetadata[] {
  if (!Array.isArray(given))
    throw queryError(`${where} expected a list of columns, got ${describe(given)}`)
  const names: readonly unknown[] = given
  return [...new Set(names)].map((name) => {
    const column = table.columnOf.get(name as string)
    if (column !== undefined) return column
    throw queryError(
      `${where} expected columns of ${table.entityName}, got ${describe(name)}; ` +
        `it has ${listed([...table.columnOf.keys()])}`,
    )
  })
}

function requireObject(options: unknown, where: string): asserts options is object {
  if (typeof options === 'object' && options !== null) return
  throw optionError(`${where} expected options, got ${describe(options)}`)
}

function queryError(message: string): DataBridgeError {
  return new DataBridgeError('DATA_BRIDGE_ERR_QUERY', message)
}
