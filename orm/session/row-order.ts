import { type Entity } from '../entity/entity.ts'
import { stateOf } from '../entity/entity-state.ts'
import type { ColumnMetadata } from '../schema/metadata.ts'
import { encodeColumn } from '../schema/values.ts'
import { foreignKeysOf } from './commit-order.ts'
import { snapshotKey } from './unit-of-work.ts'

type Values = Record<string, unknown>

/** For a row those that have to be written before it, where both are written by the same flush; most have none. */
export type Before = ReadonlyMap<Entity, ReadonlySet<Entity>>

class Order extends Map<Entity, Set<Entity>> {
  put(first: Entity, next: Entity): void {
    const before = this.get(next)
    if (before === undefined) this.set(next, new Set([first]))
    else before.add(first)
  }
}

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
        order.put(target as Entity, entity)
  }
  return order
}

/** Rows to delete: those that refer to a row come before it. */
export function deleteOrder(entities: readonly Entity[]): Before {
  const order = new Order()
  const stored = (entity: Entity, { position }: ColumnMetadata): string | null =>
    stateOf(entity).snapshot?.[position] ?? null
  for (const [entity, targets] of referredBy(entities, snapshotKey, stored))
    for (const target of targets) order.put(entity, target)
  return order
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
): Order {
  const order = new Order()
  const byTable = Map.groupBy(entities, (entity) => stateOf(entity).table)
  for (const [table, rows] of byTable) {
    for (const [column, target] of foreignKeysOf(table)) {
      const targets = byTable.get(target)
      if (targets === undefined) continue
      const byKey = new Map(targets.map((entity) => [keyOf(entity), entity]))
      for (const entity of rows) {
        const text = textOf(entity, column)
        const referred = text === null ? undefined : byKey.get(text)
        if (referred !== undefined) order.put(referred, entity)
      }
    }
  }
  return order
}

function valueText(entity: Entity, column: ColumnMetadata): string | null {
  const value = (entity as unknown as Values)[column.property]
  return value === undefined ? null : encodeColumn(column, value)
}
