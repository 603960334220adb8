import type { ColumnMetadata } from '../schema/metadata.ts'

/** Whether two values are equal for PostgreSQL. */
export function isSameValue(column: ColumnMetadata, one: unknown, other: unknown): boolean {
  if (one === other) return true
  const { type } = column
  return (
    type.accepts(one) &&
    type.accepts(other) &&
    type.encode(one as never) === type.encode(other as never)
  )
}
