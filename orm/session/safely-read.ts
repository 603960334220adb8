import type { ColumnMetadata } from '../schema/metadata.ts'

/** Whether reading a value of the column cannot fail. If it could, it would be known only after the COMMIT. */
export function isSafelyRead({ type }: ColumnMetadata): boolean {
  return type.keep.binary !== undefined
}
