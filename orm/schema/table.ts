import { DataBridgeError, describe } from '../errors.ts'
import { Column, type Fields } from './column.ts'
import { type ColumnMetadata, TableMetadata } from './metadata.ts'
import { listed } from '../util/messages.ts'
import { snakeCase } from './naming.ts'

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
  ...Object.getOwnPropertyNames(Function.prototype),
])

// The identity map goes by a key's text: 1.0 and 1.00, or a time cut to milliseconds, would be two rows or none.
const keyTypes: ReadonlySet<string> = new Set(['integer', 'bigint', 'uuid', 'text'])

const longestIdentifier = 63

/** What a declaration says, checked. */
export function describeTable(name: string, fields: Fields): TableMetadata {
  requireIdentifier('table()', 'a name for the table', name)
  if (typeof fields !== 'object' || fields === null) {
    throw schemaError(
      `table('${name}') expected an object of columns and relations; came ${describe(fields)}`,
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
        `table('${name}').${property} expected a column such as text(), or a relation such as () => hasMany(…); came ${describe(field)}`,
      )
    }
  }
  refuseSameName(name, columns)
  return new TableMetadata(name, columns, primaryKeyOf(name, columns), relations)
}

function columnMetadata(
  tableName: string,
  property: string,
  spec: Column<unknown, boolean>['spec'],
  position: number,
): ColumnMetadata {
  const { name = snakeCase(property), references, ...rest } = spec
  requireIdentifier(`table('${tableName}').${property}`, 'a name for the column', name)
  return Object.freeze({
    ...rest,
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
  if (!isColumn && refusedStatics.has(property)) {
    throw schemaError(
      `table('${tableName}'): the relation name ${property} is refused, since every entity class has a static of that name; rename it`,
    )
  }
}

function requireIdentifier(where: string, what: string, name: unknown): void {
  if (
    typeof name === 'string' &&
    name !== '' &&
    !name.includes('\0') &&
    Buffer.byteLength(name) <= longestIdentifier
  )
    return
  throw schemaError(
    `${where} expected ${what} of 1 to ${longestIdentifier} bytes; came ${describe(name)}`,
  )
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

function primaryKeyOf(tableName: string, columns: readonly ColumnMetadata[]): ColumnMetadata {
  const keys = columns.filter((column) => column.primaryKey)
  const [key] = keys
  if (key === undefined) {
    throw schemaError(`table('${tableName}') needs a primary key: one column with .primaryKey()`)
  }
  if (keys.length > 1) {
    throw schemaError(
      `table('${tableName}') has the primary keys ${listed(keys.map(({ property }) => property))}; one is supported`,
    )
  }
  if (!keyTypes.has(key.type.cast)) {
    throw schemaError(
      `table('${tableName}').${key.property} is ${key.type.sql}; a primary key is one of ${listed([...keyTypes])}, whose values have one text each`,
    )
  }
  if (key.nullable)
    throw schemaError(
      `table('${tableName}').${key.property} is a primary key and cannot be nullable`,
    )
  return key
}

function schemaError(message: string): DataBridgeError {
  return new DataBridgeError('DATA_BRIDGE_ERR_SCHEMA', message)
}
