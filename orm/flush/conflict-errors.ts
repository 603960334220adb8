import type { Entity } from '../entity/entity.ts'
import { joinTexts } from '../entity/identity.ts'
import { valueOf } from '../entity/property.ts'
import { DataBridgeError } from '../errors.ts'
import type { ColumnMetadata, TableMetadata } from '../schema/metadata.ts'
import { keptOf, textOfKept } from '../schema/values.ts'
import type { Conflict } from '../sql/upsert-statements.ts'
import { listed } from '../util/messages.ts'

/** Refuses rows that would change one row twice. Rows with NULL are never the same. */
export function refuseTwice(
  table: TableMetadata,
  entities: readonly Entity[],
  { on, update }: Conflict,
): void {
  if (on === undefined || update.length === 0 || entities.length < 2) return
  const places = new Map<string, number>()
  entities.forEach((entity, place) => {
    const texts = on.map((column) =>
      textOfKept(column, keptOf(column, valueOf(entity, column) ?? null)),
    )
    if (texts.includes(null)) return
    const key = joinTexts(texts as string[])
    const first = places.get(key)
    if (first !== undefined)
      throw twiceError(table, on, `rows ${first + 1} and ${place + 1} are the same`)
    places.set(key, place)
  })
}

/** What PostgreSQL has refused, in the words of the options. */
export function conflictError(
  error: unknown,
  table: TableMetadata,
  { on = [] }: Conflict,
): unknown {
  if (!(error instanceof DataBridgeError)) return error
  if (error.sqlState === '21000') return twiceError(table, on, 'two rows are the same', error)
  if (error.sqlState !== '42P10') return error
  return new DataBridgeError(
    'DATA_BRIDGE_ERR_QUERY',
    `on expected the columns of a unique key of ${table.fullName}, without a condition, got ${namesOf(on)}; ` +
      'the database has no such key',
    { cause: error, table: table.fullName },
  )
}

function twiceError(
  table: TableMetadata,
  on: readonly ColumnMetadata[],
  got: string,
  cause?: unknown,
): DataBridgeError {
  return new DataBridgeError(
    'DATA_BRIDGE_ERR_QUERY',
    `insertMany(${table.entityName}) with update expected rows with different values of ${namesOf(on)}: ` +
      `${got}, and one statement changes a row only once`,
    { cause, table: table.fullName },
  )
}

/** The row was there when the INSERT met it, and is not there any more, or must not be seen. */
export function missingRowError(
  table: TableMetadata,
  on: readonly ColumnMetadata[],
): DataBridgeError {
  return new DataBridgeError(
    'DATA_BRIDGE_ERR_STALE',
    `a row of ${table.fullName} conflicts by ${namesOf(on)} and could not be read: it was deleted meanwhile, ` +
      'or a policy hides it; try again',
    { table: table.fullName, safeMessage: 'a row that conflicts was deleted meanwhile; try again' },
  )
}

function namesOf(columns: readonly ColumnMetadata[]): string {
  return listed(columns.map(({ property }) => property))
}
