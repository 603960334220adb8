import type { TableMetadata } from '../schema/metadata.ts'
import type { Catalogue } from './catalogue.ts'
import { dirtyColumns } from './change-set.ts'
import type { UnitOfWork } from './unit-of-work.ts'

/**
 * Whether a flush would give entities values that they do not have yet: to those that were added, and to
 * changed ones in whose rows the database or `onUpdate()` changes something too.
 */
export function awaitsFlush(work: UnitOfWork, catalogue: Catalogue): boolean {
  if (work.hasPending) return true
  for (const table of work.identity.tables()) {
    if (!changesMore(table, catalogue)) continue
    for (const entity of work.identity.of(table))
      if (dirtyColumns(entity) !== undefined) return true
  }
  return false
}

/** Whether an UPDATE may bring back more than was sent. Unknown tables may have triggers. */
function changesMore(table: TableMetadata, catalogue: Catalogue): boolean {
  return (
    table.columns.some(({ onUpdate }) => onUpdate !== undefined) ||
    catalogue.factsOf(table).afterUpdate(table.columns).length > 0
  )
}
