import type { Entity } from '../entity/entity.ts'
import { stateOf } from '../entity/entity-state.ts'
import { keyNow } from '../entity/identity.ts'
import { commitOrder } from '../unit-of-work/commit-order.ts'
import { hasKey } from '../unit-of-work/pending-relations.ts'
import {
  awaitsKey,
  fillForeignKeys,
  insertTable,
  insertsOf,
  rereadVersions,
  statementKey,
} from './insert.ts'
import { reserveKeys } from './reservation.ts'
import { type Before, insertOrder, type Round, roundsOf } from './row-order.ts'
import { byTable } from './tables.ts'
import { together } from './together.ts'
import { circularError } from './write-errors.ts'
import type { Batch, Writing } from './writing.ts'

/**
 * Inserts rows of tables that may refer to each other. Without keys that the database makes, each round inserts the rows
 * whose references are stored. With them, the rows get their keys first, and are inserted at once.
 */
export async function insertGroup(writing: Writing, entities: readonly Entity[]): Promise<void> {
  const rounds = roundsOf(entities, insertOrder(entities), isOneInsert())
  if (isLong(rounds) && (await reserveKeys(writing, entities)))
    return insertReserved(writing, entities)
  for (const round of rounds) {
    if (round.isCircle) await insertCircle(writing, round.rows)
    else for (const [table, rows] of byTable(round.rows)) await insertTable(writing, table, rows)
  }
}

/** Whether one INSERT can write both. The key of the other row has to be known. */
function isOneInsert(): (one: Entity, other: Entity) => boolean {
  const keys = new Map<Entity, string>()
  const keyOf = (entity: Entity): string => {
    let key = keys.get(entity)
    if (key === undefined) keys.set(entity, (key = statementKey(entity)))
    return key
  }
  return (one, other) =>
    keyNow(other, stateOf(other).table.primaryKey) !== undefined && keyOf(one) === keyOf(other)
}

/** Whether the rounds take more statements than one for the keys and one for the rows. */
function isLong(rounds: readonly Round[]): boolean {
  // What is awaited is in an earlier round.
  if (rounds.length === 1) return rounds[0]?.isCircle === true
  let statements = 0
  for (const { rows, isCircle } of rounds) {
    if (isCircle) return true
    statements += new Set(rows.map(statementKey)).size
    if (statements > 2) return true
  }
  return false
}

/** Inserts rows that have their keys. Rows that refer to each other in a circle are one statement. */
async function insertReserved(writing: Writing, entities: readonly Entity[]): Promise<void> {
  const own = new Set<object>(entities)
  // Keys of other rows may be on their way.
  if (entities.some((entity) => awaitsKey(entity, (target) => !own.has(target))))
    await writing.settle()
  fillInOrder(entities)
  const parts: readonly Rows[] = [...Map.groupBy(entities, statementKey).values()]
  const partOf = new Map(parts.flatMap((rows) => rows.map((entity) => [entity, rows] as const)))
  const before = partsBefore(insertOrder(entities), partOf)
  for (const group of commitOrder(parts, (part) => before.get(part) ?? []))
    await putInserts(writing, group.flat())
}

type Rows = readonly Entity[]

function partsBefore(
  order: Before,
  partOf: ReadonlyMap<Entity, Rows>,
): ReadonlyMap<Rows, ReadonlySet<Rows>> {
  const before = new Map<Rows, Set<Rows>>()
  for (const [entity, others] of order) {
    const part = partOf.get(entity)
    if (part === undefined) continue
    const parts = before.get(part) ?? new Set()
    before.set(part, parts)
    for (const other of others) {
      const its = partOf.get(other)
      if (its !== undefined) parts.add(its)
    }
  }
  return before
}

/** Fills in foreign keys, those first that others take on. */
function fillInOrder(entities: readonly Entity[]): void {
  const targetsOf = (entity: Entity): Iterable<Entity> =>
    (stateOf(entity).references?.values() ?? []) as Iterable<Entity>
  for (const group of commitOrder(entities, targetsOf)) {
    let waiting = group
    while (waiting.length > 0) {
      const own = new Set<object>(waiting)
      const ready = waiting.filter((entity) => !awaitsKey(entity, (target) => own.has(target)))
      if (ready.length === 0) throw circularError(waiting)
      for (const entity of ready) fillForeignKeys(entity)
      const filled = new Set(ready)
      waiting = waiting.filter((entity) => !filled.has(entity))
    }
  }
}

/** Inserts rows that refer to each other by keys that they have, and rows that only wait for them. */
async function insertCircle(writing: Writing, entities: readonly Entity[]): Promise<void> {
  const waiting = new Set(entities)
  while (waiting.size > 0) {
    const next = [...waiting].filter((entity) => !needsKeyOf(entity, waiting))
    if (next.length === 0) throw circularError([...waiting])
    if (next.some((entity) => awaitsKey(entity))) await writing.settle()
    for (const entity of next) fillForeignKeys(entity)
    await putInserts(writing, next)
    for (const entity of next) waiting.delete(entity)
  }
}

function needsKeyOf(entity: Entity, others: ReadonlySet<Entity>): boolean {
  for (const [relation, target] of stateOf(entity).references ?? []) {
    if (!hasKey(entity, relation) && others.has(target as Entity)) return true
  }
  return false
}

/** One statement, if PostgreSQL takes all of these inserts in one. If not, the constraint may be deferred. */
async function putInserts(writing: Writing, entities: readonly Entity[]): Promise<void> {
  const tables = byTable(entities)
  const batches: Batch[] = []
  for (const [table, rows] of tables) batches.push(...insertsOf(writing, table, rows))
  const [first, ...others] = batches
  if (first === undefined) return
  if (batches.every(({ table }) => writing.factsOf(table).isStored))
    writing.put(together([first, ...others]))
  else for (const batch of batches) writing.put(batch)
  for (const [table, rows] of tables) await rereadVersions(writing, table, rows)
}
