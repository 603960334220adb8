import { DataBridgeError, describe } from '../errors.ts'
import type { ColumnMetadata, TableMetadata } from '../schema/metadata.ts'
import { encodeColumn, requireValue } from '../schema/values.ts'
import { listed } from '../util/messages.ts'
import { isPlainObject } from '../util/plain-object.ts'
import { isAggregate } from './calls.ts'
import { Param } from './comparisons.ts'
import { asValue } from './condition.ts'
import { isExpression, isSqlNode, type SqlNode } from './node.ts'
import type { ColumnChange } from './query-write.ts'
import { callWithRefs } from './refs.ts'
import type { Source } from './source.ts'
import { standsFor } from './stand-in.ts'

/**
 * What an UPDATE sets: what the program gives, and what `onUpdate()` makes of the other columns.
 *
 * @param given values and expressions by the names of their columns, or a callback that gives them
 * @param where the method as a message names it
 */
export function changesOf(source: Source, given: unknown, where: string): readonly ColumnChange[] {
  const { table } = source
  const values = typeof given === 'function' ? callWithRefs(source, given, where) : given
  if (!isPlain(values) || Object.keys(values).length === 0) {
    throw new DataBridgeError(
      'DATA_BRIDGE_ERR_QUERY',
      `${where} expected { column: value } or a callback such as (row) => ({ … }), got ` +
        (isPlain(values) ? 'an empty object' : (standsFor(values) ?? describe(values))),
    )
  }
  for (const property of Object.keys(values)) requireColumn(table, property, where)
  return table.columns.flatMap((column): readonly ColumnChange[] => {
    if (Object.hasOwn(values, column.property))
      return [{ column, value: valueOf(table, column, values[column.property], where) }]
    const { onUpdate, primaryKey } = column
    if (onUpdate === undefined || primaryKey) return []
    return [{ column, value: valueOf(table, column, onUpdate(), where) }]
  })
}

/** Whether a value is `{ … }`: an instance of a class, such as an entity or a Date, sets nothing by its properties. */
function isPlain(value: unknown): value is Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Object.hasOwn(value, '__proto__')) return false
  return standsFor(value) === undefined && isPlainObject(value)
}

function requireColumn(table: TableMetadata, property: string, where: string): void {
  const { entityName, columnOf, relationNames } = table
  const column = columnOf.get(property)
  if (column === undefined) {
    const isRelation = relationNames.includes(property)
    throw new DataBridgeError(
      'DATA_BRIDGE_ERR_QUERY',
      isRelation
        ? `${where} expected columns, got the relation ${property}: set ${listed(foreignKeyOf(table, property))}`
        : `${where}: ${entityName} has no column ${property}; it has ${listed([...columnOf.keys()])}`,
    )
  }
  if (column.primaryKey) {
    throw new DataBridgeError(
      'DATA_BRIDGE_ERR_QUERY',
      `${where}: ${entityName}.${property} is the primary key and cannot be changed; delete the row and add a new one`,
    )
  }
  if (column.version) {
    throw new DataBridgeError(
      'DATA_BRIDGE_ERR_QUERY',
      `${where}: ${entityName}.${property} is the version and cannot be set: every UPDATE counts it`,
    )
  }
}

function foreignKeyOf(table: TableMetadata, relation: string): readonly string[] {
  const { foreignKey, holdsKey, target } = table.relation(relation)
  const names = foreignKey.map(({ property }) => property)
  return holdsKey ? names : names.map((name) => `${name} of ${target.entityName}`)
}

function valueOf(
  table: TableMetadata,
  column: ColumnMetadata,
  value: unknown,
  where: string,
): SqlNode {
  const name = `${table.entityName}.${column.property}`
  if (isSqlNode(value) && isAggregate(value)) {
    throw new DataBridgeError(
      'DATA_BRIDGE_ERR_QUERY',
      `${where}: ${name} expected a value of each row, got an aggregate; related rows are counted with row.relation.count()`,
    )
  }
  if (isExpression(value)) return asValue(value)
  const other = isSqlNode(value) ? 'an order' : standsFor(value)
  if (value === undefined || other !== undefined) {
    throw new DataBridgeError(
      'DATA_BRIDGE_ERR_QUERY',
      `${where}: ${name} expected a value, an expression, or null, got ${other ?? 'undefined: leave it out if it stays'}`,
    )
  }
  requireValue(table, column, value)
  return new Param(encodeColumn(column, value))
}
