import type { ColumnMetadata, RelationMetadata } from '../schema/metadata.ts'

/** Whether a column gets its value from one of the entities that were given for foreign keys. */
export function isReferenced(
  column: ColumnMetadata,
  references: ReadonlyMap<RelationMetadata, object> | undefined,
): boolean {
  if (references === undefined) return false
  for (const { foreignKey } of references.keys()) if (foreignKey.includes(column)) return true
  return false
}
