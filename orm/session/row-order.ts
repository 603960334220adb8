import type { Entity } from '../entity/entity.ts'
import { stateOf } from '../entity/entity-state.ts'
import { type Identity, identityOfKey, keptThere, keyNow } from '../entity/identity.ts'
import { valueOf } from '../entity/property.ts'
import type { ColumnMetadata } from '../schema/metadata.ts'
import type { Primitive, Row } from '../schema/wire-form.ts'
import { referencesOf } from './commit-order.ts'

/** The rows that a flush has to write before a row. Most rows have none. */
export type Before = ReadonlyMap<Entity, ReadonlySet<Entity>>

class Order extends Map<Entity, Set<Entity>> {
  put(first: Entity, next: Entity): void {
    const before = this.get(next)
    if (before === undefined) this.set(next, new Set([first]))
    else before.add(first)
  }
}

/** The order of new rows: a referenced row comes first, whether it is given as an entity or by its key. */
export function insertOrder(entities: readonly Entity[]): Before {
  const order = referredBy(entities, keyNow)
  for (const entity of entities) {
    for (const [{ foreignKey }, target] of stateOf(entity).references ?? [])
      if (foreignKey.some((column) => valueOf(entity, column) === undefined))
        order.put(target as Entity, entity)
  }
  return order
}

/** The order of deleted rows: a referring row comes first. */
export function deleteOrder(entities: readonly Entity[]): Before {
  const order = new Order()
  for (const [entity, targets] of referredBy(entities, storedKeyOf))
    for (const target of targets) order.put(entity, target)
  return order
}

/**
 * The rows that can be written now: the rows before them are written already, or by the same statement.
 * PostgreSQL checks foreign keys at the end of a statement.
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

type KeyOf = (entity: Entity, columns: readonly ColumnMetadata[]) => Row | null | undefined

function storedKeyOf(entity: Entity, columns: readonly ColumnMetadata[]): Row | null {
  const key = columns.map(({ position }) => stateOf(entity).snapshot?.[position] ?? null)
  return key.includes(null) ? null : key
}

function referredBy(entities: readonly Entity[], keyOf: KeyOf): Order {
  const order = new Order()
  const byTable = Map.groupBy(entities, (entity) => stateOf(entity).table)
  for (const [table, rows] of byTable) {
    for (const { target, pairs } of referencesOf(table)) {
      const targets = byTable.get(target)
      if (targets === undefined) continue
      const locals = pairs.map(([local]) => local)
      const remotes = pairs.map(([, remote]) => remote)
      const byKey = new Map<Identity, Entity>()
      for (const entity of targets) {
        const key = keyOf(entity, remotes)
        if (key !== null && key !== undefined) byKey.set(identityOfKey(remotes, key), entity)
      }
      if (byKey.size === 0) continue
      for (const entity of rows) {
        const key = keyOf(entity, locals)
        if (key === null || key === undefined) continue
        const there = pairs.map((pair, index) => keptThere(pair, key[index] as Primitive))
        const referred = byKey.get(identityOfKey(remotes, there))
        if (referred !== undefined) order.put(referred, entity)
      }
    }
  }
  return order
}
