import type { ColumnDefault, ColumnSpec } from './column.ts'
import type { ColumnType } from './column-type.ts'
import type { ColumnMetadata } from './metadata.ts'
import { schemaError } from './schema-error.ts'
import type { TableSettings } from './table-options.ts'
import { xidType } from './types/xid.ts'
import { listed } from '../util/messages.ts'

const countingTypes = ['smallint', 'integer', 'bigint']

/** Refuses types that do not count: two updates within one microsecond would have the same timestamp. */
export function requireVersionType({ sql, isCustom }: ColumnType): void {
  if (countingTypes.includes(sql) && isCustom !== true) return
  throw schemaError(
    `version() is for columns of ${listed(countingTypes)}, which count every update; this one is ${sql}`,
  )
}

/** Refuses a version that anyone else would set, or that a row may be without. */
export function requireVersion(where: string, spec: ColumnSpec): void {
  const refused = [
    [spec.nullable, 'nullable()'],
    [spec.deferred, 'deferred()'],
    [spec.primaryKey, 'primaryKey()'],
    [spec.generated, 'generated()'],
    [spec.onUpdate !== undefined, 'onUpdate()'],
    [spec.default !== undefined, 'a default'],
    [spec.unique, 'unique()'],
    [spec.references !== undefined, 'references()'],
  ] as const
  for (const [is, what] of refused)
    if (is) throw schemaError(`${where} is a version() and cannot have ${what} too`)
}

/** The version of a new row. */
export function firstVersion(type: ColumnType): ColumnDefault {
  return { kind: 'value', value: type.decode('1') }
}

/** The version of a table: a declared column, or xmin. */
export function versionOf(
  where: string,
  columns: readonly ColumnMetadata[],
  settings: TableSettings,
): ColumnMetadata | undefined {
  const [declared, another] = columns.filter(({ version }) => version)
  if (declared !== undefined && another !== undefined)
    throw schemaError(
      `${where} expected one version(), got ${declared.property} and ${another.property}`,
    )
  if (settings.version === undefined) return declared
  if (declared !== undefined)
    throw schemaError(
      `${where} expected version: 'xmin' or a column with version(), got both: ${declared.property}`,
    )
  return xminColumn(columns.length)
}

/** PostgreSQL's system column: the number of the transaction that wrote the row. No property shows it. */
function xminColumn(position: number): ColumnMetadata {
  return Object.freeze({
    type: xidType,
    property: 'xmin',
    name: 'xmin',
    position,
    primaryKey: false,
    generated: false,
    unique: false,
    nullable: false,
    hidden: true,
    deferred: false,
    default: undefined,
    onUpdate: undefined,
    version: true,
    references: undefined,
    onDelete: 'no action',
  })
}
