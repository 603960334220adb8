import type { Entity } from '../entity/entity.ts'
import { stateOf } from '../entity/entity-state.ts'
import { type Identity, identityOfKey, keptThere, keyNow } from '../entity/identity.ts'
import { valueOf } from '../entity/property.ts'
import type { ColumnMetadata, TableMetadata } from '../schema/metadata.ts'
import type { Primitive, Row } from '../schema/wire-form.ts'
import type { TableFacts } from '../sql/table-facts.ts'
import { commitOrder, type Reference, referencesOf } from '../unit-of-work/commit-order.ts'
import { knownReferences } from './references.ts'

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
  const order = referredBy(entities, keyNow, referencesOf)
  for (const entity of entities) {
    for (const [{ foreignKey }, target] of stateOf(entity).references ?? [])
      if (foreignKey.some((column) => valueOf(entity, column) === undefined))
        order.put(target as Entity, entity)
  }
  return order
}

/** The order of deleted rows: a referring row comes first. */
export function deleteOrder(
  entities: readonly Entity[],
  factsOf: (table: TableMetadata) => TableFacts,
): Before {
  const order = new Order()
  const tables = new Set(entities.map((entity) => stateOf(entity).table))
  const known = (table: TableMetadata): readonly Reference[] =>
    knownReferences(factsOf, table, tables)
  for (const [entity, targets] of referredBy(entities, storedKeyOf, known))
    for (const target of targets) order.put(entity, target)
  return order
}

/** Rows that are written at the same time. */
export interface Round {
  readonly rows: readonly Entity[]
  /** Whether some of them have to be written in one statement, but cannot: they refer to each other. */
  readonly isCircle: boolean
}

/**
 * Orders rows into rounds: the rows before a row are in earlier rounds, or in the same one if one statement can write
 * both. PostgreSQL checks foreign keys at the end of a statement.
 */
export function roundsOf(
  entities: readonly Entity[],
  before: Before,
  isOneStatement: (one: Entity, other: Entity) => boolean,
): readonly Round[] {
  if (before.size === 0) return [{ rows: entities, isCircle: false }]
  const roundOf = new Map<Entity, number>()
  const circles = new Set<number>()
  for (const group of commitOrder(entities, (entity) => before.get(entity) ?? none)) {
    const members = new Set(group)
    let round = 0
    let isCircle = false
    for (const entity of group) {
      for (const other of before.get(entity) ?? none) {
        const isOne = isOneStatement(entity, other)
        if (members.has(other)) isCircle ||= !isOne
        else round = Math.max(round, (roundOf.get(other) ?? -1) + (isOne ? 0 : 1))
      }
    }
    for (const entity of group) roundOf.set(entity, round)
    if (isCircle) circles.add(round)
  }
  const rows: Entity[][] = []
  for (const entity of entities) (rows[roundOf.get(entity) ?? 0] ??= []).push(entity)
  return rows.map((those, round) => ({ rows: those, isCircle: circles.has(round) }))
}

const none: ReadonlySet<Entity> = new Set()

type KeyOf = (entity: Entity, columns: readonly ColumnMetadata[]) => Row | null | undefined

/** The key of a row as it is stored; null if a part is NULL. */
export function storedKeyOf(entity: Entity, columns: readonly ColumnMetadata[]): Row | null {
  const key = columns.map(({ position }) => stateOf(entity).snapshot?.[position] ?? null)
  return key.includes(null) ? null : key
}

function referredBy(
  entities: readonly Entity[],
  keyOf: KeyOf,
  referencesFrom: (table: TableMetadata) => readonly Reference[],
): Order {
  const order = new Order()
  const byTable = Map.groupBy(entities, (entity) => stateOf(entity).table)
  for (const [table, rows] of byTable) {
    for (const { target, pairs } of referencesFrom(table)) {
      const targets = byTable.get(target)
      if (targets === undefined) continue
      const locals = pairs.map(([local]) => local)
      const remotes = pairs.map(([, remote]) => remote)
      const byKey = byKeys(targets, remotes, keyOf)
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

/** Rows by their keys, without those whose key is not known or NULL. */
export function byKeys(
  entities: readonly Entity[],
  columns: readonly ColumnMetadata[],
  keyOf: KeyOf,
): ReadonlyMap<Identity | undefined, Entity> {
  const byKey = new Map<Identity, Entity>()
  for (const entity of entities) {
    const key = keyOf(entity, columns)
    if (key !== null && key !== undefined) byKey.set(identityOfKey(columns, key), entity)
  }
  return byKey
}
