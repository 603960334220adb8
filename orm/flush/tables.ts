import type { Entity } from '../entity/entity.ts'
import { stateOf } from '../entity/entity-state.ts'
import type { TableMetadata } from '../schema/metadata.ts'
import type { Change } from '../unit-of-work/change-set.ts'

const noChanges: ReadonlyMap<TableMetadata, readonly Change[]> = new Map()
const noRows: ReadonlyMap<TableMetadata, readonly Entity[]> = new Map()

/** Entities by their tables. */
export function byTable(
  entities: readonly Entity[],
): ReadonlyMap<TableMetadata, readonly Entity[]> {
  const [first] = entities
  if (first === undefined) return noRows
  const { table } = stateOf(first)
  if (entities.every((entity) => stateOf(entity).table === table))
    return new Map([[table, entities]])
  return Map.groupBy(entities, (entity) => stateOf(entity).table)
}

/** Changes by their tables. */
export function changesByTable(
  changes: readonly Change[],
): ReadonlyMap<TableMetadata, readonly Change[]> {
  const [first] = changes
  if (first === undefined) return noChanges
  return changes.every(({ table }) => table === first.table)
    ? new Map([[first.table, changes]])
    : Map.groupBy(changes, ({ table }) => table)
}

/** The same in the order of the names of the tables. */
export function inNameOrder<T>(
  tables: ReadonlyMap<TableMetadata, T>,
): ReadonlyMap<TableMetadata, T> {
  if (tables.size < 2) return tables
  return new Map(
    [...tables].toSorted(([{ fullName: one }], [{ fullName: other }]) =>
      one === other ? 0 : one < other ? -1 : 1,
    ),
  )
}
