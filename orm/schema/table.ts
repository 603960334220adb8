import { describe } from '../errors.ts'
import { Column, type ColumnSpec, type Fields, type OnDelete } from './column.ts'
import { type ColumnMetadata, TableMetadata } from './metadata.ts'
import { requireIdentifier } from './names.ts'
import { snakeCase } from './naming.ts'
import { tableSettings } from './table-options.ts'
import { schemaError } from './schema-error.ts'
import { firstVersion, requireVersion, versionOf } from './version.ts'

// `then` would make an entity awaitable; the others belong to every object.
const refusedProperties: ReadonlySet<string> = new Set([
  'then',
  'toJSON',
  '__proto__',
  ...Object.getOwnPropertyNames(Object.prototype),
])

// What every class owns or inherits, or what an entity class has from this library.
const refusedStatics: ReadonlySet<string> = new Set([
  'prototype',
  'get',
  'find',
  'columns',
  ...Object.getOwnPropertyNames(Function.prototype),
])

/** What a declaration says, checked. */
export function describeTable(name: string, fields: Fields, options: unknown = {}): TableMetadata {
  requireIdentifier('table()', 'a name for the table', name)
  if (name.includes('.')) {
    const [schema = '', ...rest] = name.split('.')
    throw schemaError(
      `table('${name}') expected a name without a dot; name the schema in the options: table('${rest.join('.')}', { … }, { schema: '${schema}' })`,
    )
  }
  if (typeof fields !== 'object' || fields === null) {
    throw schemaError(
      `table('${name}') expected an object of columns and relations, got ${describe(fields)}`,
    )
  }
  if (
    Object.getPrototypeOf(fields) !== Object.prototype &&
    Object.getPrototypeOf(fields) !== null
  ) {
    throw schemaError(
      `table('${name}'): the column __proto__ is refused, since every object has such a property; rename it`,
    )
  }
  const columns: ColumnMetadata[] = []
  const relations = new Map<string, () => unknown>()
  for (const [property, field] of Object.entries(fields)) {
    requireFreeName(name, property, field instanceof Column)
    if (field instanceof Column)
      columns.push(columnMetadata(name, property, field.spec, columns.length))
    else if (typeof field === 'function') relations.set(property, field as () => unknown)
    else {
      throw schemaError(
        `table('${name}').${property} expected a column such as text(), or a relation such as () => hasMany(…), got ${describe(field)}`,
      )
    }
  }
  refuseSameName(name, columns)
  const settings = tableSettings(name, options, columns)
  for (const column of columns) {
    if (column.primaryKey) refuseDeferred(name, column, 'a part of the primary key')
    if (column.references === undefined) continue
    refuseSetNull(name, column.onDelete, [column])
    refuseDeferred(name, column, 'a foreign key')
  }
  for (const key of settings.foreignKeys) {
    refuseSetNull(name, key.onDelete, key.columns)
    for (const column of key.columns) refuseDeferred(name, column, 'a part of a foreign key')
  }
  const primaryKey = primaryKeyOf(name, columns)
  const version = versionOf(`table('${name}')`, columns, settings)
  return new TableMetadata(name, columns, primaryKey, relations, settings, version)
}

function columnMetadata(
  tableName: string,
  property: string,
  spec: ColumnSpec,
  position: number,
): ColumnMetadata {
  const { name = snakeCase(property), references, ...rest } = spec
  requireIdentifier(`table('${tableName}').${property}`, 'a name for the column', name)
  if (rest.version) requireVersion(`table('${tableName}').${property}`, spec)
  if (rest.generated && rest.default !== undefined)
    throw schemaError(
      `table('${tableName}').${property} expected one of generated() and a default, got both`,
    )
  return Object.freeze({
    ...rest,
    default: rest.version ? firstVersion(rest.type) : rest.default,
    property,
    name,
    position,
    references: references?.target,
    onDelete: references?.onDelete ?? 'no action',
  })
}

function requireFreeName(tableName: string, property: string, isColumn: boolean): void {
  if (refusedProperties.has(property)) {
    throw schemaError(
      `table('${tableName}'): the name ${property} is refused, since ` +
        (property === 'then'
          ? 'an object with it cannot be awaited'
          : 'every entity has such a property already') +
        (isColumn
          ? `; rename the property and keep the column: text('${snakeCase(property)}')`
          : '; rename it'),
    )
  }
  if (property === 'has') {
    throw schemaError(
      `table('${tableName}'): the name has is refused, since relations have a method of that name in callbacks; rename the property${isColumn ? " and keep the column: text('has')" : ''}`,
    )
  }
  if (!isColumn && refusedStatics.has(property)) {
    throw schemaError(
      `table('${tableName}'): the relation name ${property} is refused, since every entity class has a static of that name; rename it`,
    )
  }
}

function refuseSameName(tableName: string, columns: readonly ColumnMetadata[]): void {
  const byName = new Map<string, ColumnMetadata>()
  for (const column of columns) {
    const other = byName.get(column.name)
    if (other !== undefined) {
      throw schemaError(
        `table('${tableName}'): ${other.property} and ${column.property} are both named ${column.name} in the database`,
      )
    }
    byName.set(column.name, column)
  }
}

/** A delete would fail at the column, with an error that blames the client. */
function refuseSetNull(
  tableName: string,
  onDelete: OnDelete,
  columns: readonly ColumnMetadata[],
): void {
  const strict = onDelete === 'set null' ? columns.find(({ nullable }) => !nullable) : undefined
  if (strict === undefined) return
  throw schemaError(
    `table('${tableName}').${strict.property} expected nullable(), since its foreign key has onDelete: 'set null'`,
  )
}

/** The session needs the value of every entity. */
function refuseDeferred(
  tableName: string,
  { property, deferred }: ColumnMetadata,
  what: string,
): void {
  if (!deferred) return
  throw schemaError(
    `table('${tableName}').${property} is ${what} and cannot be deferred; remove deferred()`,
  )
}

function primaryKeyOf(
  tableName: string,
  columns: readonly ColumnMetadata[],
): readonly [ColumnMetadata, ...ColumnMetadata[]] {
  const [first, ...others] = columns.filter((column) => column.primaryKey)
  if (first === undefined) {
    throw schemaError(
      `table('${tableName}') needs a primary key: one or several columns with .primaryKey()`,
    )
  }
  for (const { property, type, nullable } of [first, ...others]) {
    if (nullable)
      throw schemaError(`table('${tableName}').${property} is a primary key and cannot be nullable`)
    if (type.isComparable) continue
    throw schemaError(
      `table('${tableName}').${property} is ${type.sql}, whose values PostgreSQL cannot tell apart as a key does`,
    )
  }
  return [first, ...others]
}
