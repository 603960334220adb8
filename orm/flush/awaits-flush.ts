import { loadedColumns } from '../entity/deferred.ts'
import { stateOf } from '../entity/entity-state.ts'
import type { ColumnMetadata, TableMetadata } from '../schema/metadata.ts'
import type { TableFacts } from '../sql/table-facts.ts'
import type { Catalogue } from './catalogue.ts'
import { hasChanged, isDirty } from '../unit-of-work/change-set.ts'
import type { UnitOfWork } from '../unit-of-work/unit-of-work.ts'

/**
 * Whether a flush would give entities values that they do not have yet: to those that were added, and to
 * changed ones in whose rows the database or `onUpdate()` changes something too.
 */
export function awaitsFlush(work: UnitOfWork, catalogue: Catalogue): boolean {
  if (work.hasPending) return true
  for (const table of work.identity.tables()) {
    const facts = catalogue.factsOf(table)
    if (!mayBringBack(facts, table)) continue
    for (const entity of work.identity.of(table).values()) {
      if (!hasChanged(entity)) continue
      const { columns } = stateOf(entity).table
      const dirty = columns.filter((column) => isDirty(entity, column))
      if (bringsBack(facts, columns, dirty, loadedColumns(entity))) return true
    }
  }
  return false
}

// For each table that was read, in every request that answers an object.
const known = new WeakMap<TableFacts, boolean>()

function mayBringBack(facts: TableFacts, { columns, deferred }: TableMetadata): boolean {
  let may = known.get(facts)
  if (may === undefined) known.set(facts, (may = bringsBack(facts, columns, columns, deferred)))
  return may
}

/** Whether an UPDATE of these columns brings back more than was sent. */
function bringsBack(
  facts: TableFacts,
  columns: readonly ColumnMetadata[],
  changed: readonly ColumnMetadata[],
  loaded: readonly ColumnMetadata[],
): boolean {
  return (
    columns.some(({ onUpdate }) => onUpdate !== undefined) ||
    // xmin is behind the columns of the entity.
    facts.afterUpdate(changed, loaded).some(({ position }) => position < columns.length)
  )
}
