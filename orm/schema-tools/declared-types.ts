import { DataBridgeError } from '../errors.ts'
import type { TableMetadata } from '../schema/metadata.ts'
import { listed } from '../util/messages.ts'
import { isSameList } from '../util/lists.ts'

/** An enum type that a column declares: `enumeration('mood', ['ok', 'sad'])`. */
export interface Enumeration {
  /** The PostgreSQL schema that it is in; undefined: the first of the search path. */
  readonly schema: string | undefined
  readonly name: string
  readonly values: readonly string[]
}

/** An enum type, and the PostgreSQL schema that it is in, whether the declaration names it or not. */
export interface PlacedEnumeration {
  readonly type: Enumeration
  readonly schema: string
}

/** What a column's type needs in the database. An array needs what its items need. */
interface NeedingType {
  readonly sql: string
  readonly enumeration?: Enumeration
  readonly extension?: string
}

/** The extensions of PostgreSQL that the columns of tables need, such as `citext`. */
export function extensionsOf(tables: readonly TableMetadata[]): string[] {
  const types: NeedingType[] = tables.flatMap(({ columns }) => columns.map(({ type }) => type))
  return [...new Set(types.flatMap(({ extension }) => extension ?? []))]
}

/**
 * The enum types of tables, each once. Refuses two of one name with other values.
 *
 * @param currentSchema where types are that name no schema
 */
export function enumerationsOf(
  tables: readonly TableMetadata[],
  currentSchema: string,
): PlacedEnumeration[] {
  const found = new Map<string, PlacedEnumeration & { readonly where: string }>()
  for (const table of tables) {
    for (const column of table.columns) {
      const { enumeration: type }: NeedingType = column.type
      if (type === undefined) continue
      const { schema = currentSchema, name } = type
      const where = `${table.entityName}.${column.property}`
      const key = JSON.stringify([schema, name])
      const other = found.get(key)
      if (other === undefined) found.set(key, { type, schema, where })
      else requireSameValues(other.where, other.type, where, type)
    }
  }
  return [...found.values()]
}

function requireSameValues(
  first: string,
  expected: Enumeration,
  second: string,
  got: Enumeration,
): void {
  if (isSameList(expected.values, got.values)) return
  throw new DataBridgeError(
    'DATA_BRIDGE_ERR_SCHEMA',
    `${first} and ${second} declare the enum type ${got.name} differently: ${second} expected the values ` +
      `${listed(expected.values)}, got ${listed(got.values)}`,
  )
}
