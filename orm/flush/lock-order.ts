import type { Entity } from '../entity/entity.ts'
import { valueOf } from '../entity/property.ts'
import type { ColumnMetadata, TableMetadata } from '../schema/metadata.ts'
import { keptOf } from '../schema/values.ts'
import type { Primitive } from '../schema/wire-form.ts'
import type { TableFacts } from '../sql/table-facts.ts'
import { uniqueKeysOf } from '../sql/unique-keys.ts'

/**
 * New rows in the order of their unique values, so that two INSERTs of the same values wait for each other and never
 * deadlock. Rows that get numbers from a sequence stay in the order in which they were added, since their numbers follow it.
 */
export function inLockOrder(
  table: TableMetadata,
  facts: TableFacts,
  entities: readonly Entity[],
): readonly Entity[] {
  const [first, second] = entities
  if (first === undefined || second === undefined || facts.known === undefined) return entities
  const isGiven = (column: ColumnMetadata): boolean => valueOf(first, column) !== undefined
  const hasSequence = table.columns.some(
    (column) =>
      !isGiven(column) && facts.known?.columns.get(column.name)?.made?.includes('nextval('),
  )
  if (hasSequence) return entities
  const keys = uniqueKeysOf(table, facts)
    .map(({ columns }) => columns)
    .filter((columns) => columns.every(isGiven))
  // A key that is no primary key is rather one that others choose too.
  const columns = keys.find((each) => !each.every(({ primaryKey }) => primaryKey)) ?? keys[0]
  return columns === undefined ? entities : inOrderOf(columns, entities)
}

/** New rows in the order of some of their values. */
export function inOrderOf(
  columns: readonly ColumnMetadata[],
  entities: readonly Entity[],
): readonly Entity[] {
  if (entities.length < 2) return entities
  const rows = entities.map((entity) => ({
    entity,
    key: columns.map((column) => comparable(keptOf(column, valueOf(entity, column)))),
  }))
  return rows.toSorted((one, other) => compare(one.key, other.key)).map(({ entity }) => entity)
}

function comparable(kept: Primitive): Primitive {
  return typeof kept === 'string' ? kept.toLowerCase() : kept
}

function compare(one: readonly Primitive[], other: readonly Primitive[]): number {
  for (let index = 0; index < one.length; index += 1) {
    const [a, b] = [one[index] ?? null, other[index] ?? null]
    if (a === b) continue
    if (a === null || b === null) return a === null ? -1 : 1
    return a < b ? -1 : 1
  }
  return 0
}
