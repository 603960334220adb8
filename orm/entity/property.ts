import type { ColumnMetadata } from '../schema/metadata.ts'

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
