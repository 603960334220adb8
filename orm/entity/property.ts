import type { ColumnMetadata, TableMetadata } from '../schema/metadata.ts'

type Values = Record<string, unknown>

/** The value of a column's property, which TypeScript does not know of an entity in general. */
export function valueOf(entity: object, column: Pick<ColumnMetadata, 'property'>): unknown {
  return (entity as Values)[column.property]
}

export function setValue(
  entity: object,
  column: Pick<ColumnMetadata, 'property'>,
  value: unknown,
): void {
  ;(entity as Values)[column.property] = value
}

/** The primary key's value; undefined where PostgreSQL has not given it yet. */
export function keyOf(entity: object, table: TableMetadata): unknown {
  return valueOf(entity, table.primaryKey)
}
