import { DataBridgeError } from '../errors.ts'
import type { ColumnMetadata, TableMetadata } from '../schema/metadata.ts'
import type { AnyEntityClass } from '../schema/relation.ts'
import { isUnchanged } from '../schema/values.ts'
import type { Row } from '../schema/wire-form.ts'
import { valueOf } from './property.ts'

// Classes with a complete instance: nothing in the class shadows a column, so later instances need no check.
const tried = new WeakSet<AnyEntityClass>()
const hydrated = new WeakSet<object>()

/** Whether no instance of this entity class is known to be complete yet. */
export function isFirstOf(entity: AnyEntityClass): boolean {
  return !tried.has(entity)
}

/** The constructors of an instance of this class have run to their end, so nothing in the class shadows a column. */
export function constructed(entity: AnyEntityClass): void {
  tried.add(entity)
}

/**
 * Assigns a value to the first instance of a class. An initialiser or a redeclaration in a subclass defines
 * the property again. A property that is not configurable refuses that, so the first instance fails before
 * a column can be shadowed.
 */
export function assign(target: object, column: ColumnMetadata, value: unknown): void {
  Object.defineProperty(target, column.property, {
    value,
    enumerable: true,
    writable: true,
    configurable: false,
  })
}

export function refuseAccessors(
  table: TableMetadata,
  entity: { readonly prototype: object },
): void {
  const hidden = table.columns.find(({ property }) => property in entity.prototype)
  if (hidden === undefined) return
  throw new DataBridgeError(
    'DATA_BRIDGE_ERR_SCHEMA',
    `class ${table.entityName} has a method or accessor ${hidden.property}, which is the name of a column; rename one of them`,
  )
}

// Some compilers turn initialisers into assignments. Then nothing throws, but the value differs from the row.
export function refuseShadowing(entity: object, table: TableMetadata, row: Row): void {
  if (hydrated.has(table.entity)) return
  for (const column of table.columns) {
    if (isUnchanged(column, valueOf(entity, column), row[column.position])) continue
    throw shadowingError(table, column.property)
  }
  hydrated.add(table.entity)
}

export function explainConstruction(cause: unknown, table: TableMetadata): unknown {
  const shadowed = /^Cannot redefine property: (.+)$/.exec(
    cause instanceof TypeError ? cause.message : '',
  )?.[1]
  return shadowed !== undefined && table.columnOf.has(shadowed)
    ? shadowingError(table, shadowed)
    : cause
}

function shadowingError(table: TableMetadata, property: string): DataBridgeError {
  return new DataBridgeError(
    'DATA_BRIDGE_ERR_SCHEMA',
    `class ${table.entityName} sets ${property} by an initialiser, a redeclaration or its constructor, which would hide ` +
      `the column's value: remove it from the class (a default belongs into the column: .default(…))`,
  )
}
