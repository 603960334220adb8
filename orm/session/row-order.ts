import { type Entity, stateOf } from '../schema/entity.ts'
import type { ColumnMetadata, TableMetadata } from '../schema/metadata.ts'
import { encodeColumn } from '../schema/values.ts'
import { foreignKeysOf } from './commit-order.ts'
import { snapshotKey } from './unit-of-work.ts'

type Values = Record<string, unknown>

/** For each row those that have to be written before it, where both are written by the same flush. */
export type Before = ReadonlyMap<Entity, ReadonlySet<Entity>>

/** New rows: those that a row refers to come before it, given as entities or by their keys. */
export function insertOrder(entities: readonly Entity[]): Before {
  const order = referredBy(
    entities,
    (entity) => valueText(entity, stateOf(entity).table.primaryKey),
    valueText,
  )
  for (const entity of entities) {
    for (const [{ foreignKey }, target] of stateOf(entity).references ?? [])
      if ((entity as unknown as Values)[foreignKey.property] === undefined)
        order.get(entity)?.add(target as Entity)
  }
  return order
}

/** Rows to delete: those that refer to a row come before it. */
export function deleteOrder(entities: readonly Entity[]): Before {
  const before = new Map(entities.map((entity) => [entity, new Set<Entity>()]))
  const stored = (entity: Entity, { position }: ColumnMetadata): string | null =>
    stateOf(entity).snapshot?.[position] ?? null
  for (const [entity, targets] of referredBy(entities, snapshotKey, stored))
    for (const target of targets) before.get(target)?.add(entity)
  return before
}

/**
 * The rows that can be written now: what has to be there before is there already, or is written by
 * the same statement, after which PostgreSQL checks foreign keys.
 */
export function ready(
  waiting: ReadonlySet<Entity>,
  before: Before,
  isOneStatement: (one: Entity, other: Entity) => boolean,
): Entity[] {
  const now = new Set(waiting)
  const canGo = (entity: Entity): boolean => {
    for (const other of before.get(entity) ?? []) {
      if (!waiting.has(other) || other === entity) continue
      if (!now.has(other) || !isOneStatement(entity, other)) return false
    }
    return true
  }
  for (let size = -1; size !== now.size;) {
    size = now.size
    for (const entity of now) if (!canGo(entity)) now.delete(entity)
  }
  return [...now]
}

function referredBy(
  entities: readonly Entity[],
  keyOf: (entity: Entity) => string | null,
  textOf: (entity: Entity, column: ColumnMetadata) => string | null,
): Map<Entity, Set<Entity>> {
  const byKey = new Map<TableMetadata, Map<string | null, Entity>>()
  for (const [table, rows] of Map.groupBy(entities, (entity) => stateOf(entity).table))
    byKey.set(table, new Map(rows.map((entity) => [keyOf(entity), entity])))
  const targetsOf = (entity: Entity): Set<Entity> => {
    const targets = new Set<Entity>()
    for (const [column, table] of foreignKeysOf(stateOf(entity).table)) {
      const text = textOf(entity, column)
      const target = text === null ? undefined : byKey.get(table)?.get(text)
      if (target !== undefined) targets.add(target)
    }
    return targets
  }
  return new Map(entities.map((entity) => [entity, targetsOf(entity)]))
}

function valueText(entity: Entity, column: ColumnMetadata): string | null {
  const value = (entity as unknown as Values)[column.property]
  return value === undefined ? null : encodeColumn(column, value)
}
