import type { RawResult } from '../driver/connection.ts'
import { DataBridgeError } from '../errors.ts'
import { absorb } from '../entity/absorb.ts'
import type { Entity } from '../entity/entity.ts'
import { contradictionError, isMadeByDatabase, isSameValue } from '../entity/new-entity.ts'
import { setValue, valueOf } from '../entity/property.ts'
import { joinTexts, storedKey, textsOf } from '../entity/identity.ts'
import { relationHandle } from '../entity/relation-handle.ts'
import { type RawRow, stateOf } from '../entity/entity-state.ts'
import {
  type ColumnMetadata,
  type RelationMetadata,
  type TableMetadata,
} from '../schema/metadata.ts'
import { listed } from '../util/messages.ts'
import { encodeColumn, requireValue } from '../schema/values.ts'
import type { Statement } from '../sql/statement.ts'
import {
  type ChangedRow,
  deleteRows,
  insertDefaults,
  insertRows,
  updateRows,
} from '../sql/write-statements.ts'
import type { Change, ChangeSet } from './change-set.ts'
import { commitOrder, parentsOf } from './commit-order.ts'
import { deleteOrder, insertOrder, ready } from './row-order.ts'
import type { UnitOfWork } from './unit-of-work.ts'

/** Sends a statement of the flush. */
export type Send = (statement: Statement) => Promise<RawResult>

/**
 * Writes a change set: inserts with the referenced tables first, then updates, then deletes with the
 * referring tables first; for each table one statement, where its rows do not depend on each other.
 */
export async function writeChanges(
  work: UnitOfWork,
  changes: ChangeSet,
  send: Send,
): Promise<void> {
  const added = byTable(changes.added)
  for (const entity of changes.added) validate(entity)
  for (const group of commitOrder(added.keys(), parentsOf)) {
    await insertGroup(
      work,
      group.flatMap((table) => added.get(table) ?? []),
      send,
    )
  }
  for (const rows of Map.groupBy(changes.changed, ({ table }) => table).values())
    await update(work, rows, send)
  const deleted = byTable(changes.deleted)
  for (const group of commitOrder(deleted.keys(), parentsOf).toReversed()) {
    await removeGroup(
      work,
      group.flatMap((table) => deleted.get(table) ?? []),
      send,
    )
  }
}

/** Inserts the rows of tables that may refer to each other: again and again those whose references are there. */
async function insertGroup(
  work: UnitOfWork,
  entities: readonly Entity[],
  send: Send,
): Promise<void> {
  const before = insertOrder(entities)
  const waiting = new Set(entities)
  while (waiting.size > 0) {
    const isOne = (one: Entity, other: Entity): boolean =>
      textsOf(other, stateOf(other).table.primaryKey) !== undefined &&
      statementOf(one) === statementOf(other)
    const next = ready(waiting, before, isOne)
    // Where keys refer in a circle, PostgreSQL may have been told to check them at the end.
    if (next.length === 0)
      next.push(...[...waiting].filter((entity) => !needsKeyOf(entity, waiting)))
    if (next.length === 0) throw circularError([...waiting])
    for (const [table, rows] of byTable(next)) await insertTable(work, table, rows, send)
    for (const entity of next) waiting.delete(entity)
  }
}

function needsKeyOf(entity: Entity, others: ReadonlySet<Entity>): boolean {
  for (const [relation, target] of stateOf(entity).references ?? []) {
    if (!hasKey(entity, relation) && others.has(target as Entity)) return true
  }
  return false
}

/** What is the same for rows that one statement inserts: their table, and the columns that they give. */
function statementOf(entity: Entity): string {
  const { table, references } = stateOf(entity)
  const filled = [...(references?.keys() ?? [])].flatMap(({ foreignKey }) => foreignKey)
  const given = new Set([...givenColumns(table, entity), ...filled])
  return [
    table.id,
    ...table.columns.filter((column) => given.has(column)).map(({ position }) => position),
  ].join()
}

async function insertTable(
  work: UnitOfWork,
  table: TableMetadata,
  entities: readonly Entity[],
  send: Send,
): Promise<void> {
  for (const entity of entities) fillForeignKeys(entity)
  const sets = Map.groupBy(entities, (entity) =>
    givenColumns(table, entity)
      .map(({ position }) => position)
      .join(),
  )
  for (const same of sets.values()) {
    const columns = givenColumns(table, same[0] as Entity)
    const rows = same.map((entity) =>
      columns.map((column) => encodeColumn(column, valueOf(entity, column))),
    )
    const result = await send(
      columns.length === 0 ? insertDefaults(table, same.length) : insertRows(table, columns, rows),
    )
    if (result.rows.length !== same.length)
      throw countError('INSERT', table, same.length, result.rows.length)
    same.forEach((entity, index) => {
      absorb(entity, result.rows[index] as RawRow, sentOf(columns, rows[index] ?? []))
      work.inserted(entity)
    })
  }
}

/** What was sent, by the positions of the table's columns. */
function sentOf(
  columns: readonly ColumnMetadata[],
  texts: readonly (string | null | undefined)[],
): (string | null | undefined)[] {
  const sent: (string | null | undefined)[] = []
  columns.forEach(({ position }, index) => {
    sent[position] = texts[index]
  })
  return sent
}

/** Fills in the foreign keys that were given as entities. A key that the program gave later stays. */
function fillForeignKeys(entity: Entity): void {
  const { references } = stateOf(entity)
  if (references === undefined) return
  const filled = new Set<ColumnMetadata>()
  for (const [relation, target] of references) {
    const { name, owner, pairs } = relation
    const missing = pairs.filter(
      ([local]) => filled.has(local) || valueOf(entity, local) === undefined,
    )
    if (missing.length === 0) continue
    for (const [local, remote] of missing) {
      const value = valueOf(target, remote)
      if (filled.has(local) && !isSameValue(local, valueOf(entity, local), value))
        throw contradictionError(`${owner.entityName}.${name}`, local.property)
      if (value === undefined) throw notStoredError(relation)
      setValue(entity, local, value)
      filled.add(local)
    }
    relationHandle(entity, name).fill(target)
  }
}

function hasKey(entity: Entity, relation: RelationMetadata): boolean {
  return relation.foreignKey.every((column) => valueOf(entity, column) !== undefined)
}

function givenColumns(table: TableMetadata, entity: Entity): ColumnMetadata[] {
  return table.columns.filter((column) => valueOf(entity, column) !== undefined)
}

/** Before the first statement is sent: a flush that cannot succeed writes nothing. */
function validate(entity: Entity): void {
  const { table, references } = stateOf(entity)
  const filled = new Set([...(references?.keys() ?? [])].flatMap(({ foreignKey }) => foreignKey))
  for (const column of table.columns) {
    const value = valueOf(entity, column)
    if (value === undefined && (isMadeByDatabase(column) || filled.has(column))) continue
    requireValue(table, column, value)
  }
}

async function update(work: UnitOfWork, changes: readonly Change[], send: Send): Promise<void> {
  const [first] = changes
  if (first === undefined) return
  const { table } = first
  const changed = new Set(changes.flatMap(({ columns }) => [...columns.keys()]))
  const columns = table.columns.filter((column) => changed.has(column))
  const rows = changes.map((change): ChangedRow => ({
    key: storedKey(change.entity),
    values: columns.map((column) => change.columns.get(column)),
  }))
  const result = await send(updateRows(table, columns, rows))
  const width = table.primaryKey.length
  const returned = new Map(
    result.rows.map((row) => [joinTexts(row.slice(0, width) as string[]), row]),
  )
  if (returned.size !== changes.length) throw staleError(table, changes.length - returned.size)
  changes.forEach(({ entity }, index) => {
    const { snapshot = [] } = stateOf(entity)
    const { key = [], values = [] } = rows[index] ?? {}
    const row = returned.get(joinTexts(key)) ?? []
    const after = [...snapshot]
    columns.forEach(({ position }, place) => {
      // Where others changed a column that this entity did not, its snapshot stays that of its value.
      if (values[place] !== undefined) after[position] = row[place + width] ?? null
    })
    absorb(entity, after, sentOf(columns, values))
    work.updated(entity, snapshot)
  })
}

/** Deletes the rows of tables that may refer to each other: again and again those that nothing refers to any more. */
async function removeGroup(
  work: UnitOfWork,
  entities: readonly Entity[],
  send: Send,
): Promise<void> {
  const before = deleteOrder(entities)
  const waiting = new Set(entities)
  const isOne = (one: Entity, other: Entity): boolean => stateOf(one).table === stateOf(other).table
  while (waiting.size > 0) {
    const next = ready(waiting, before, isOne)
    // Where rows refer in a circle, PostgreSQL may know what to do about it.
    const rows = next.length === 0 ? [...waiting] : next
    for (const [table, same] of byTable(rows)) await remove(work, table, same, send)
    for (const entity of rows) waiting.delete(entity)
  }
}

async function remove(
  work: UnitOfWork,
  table: TableMetadata,
  entities: readonly Entity[],
  send: Send,
): Promise<void> {
  await send(deleteRows(table, entities.map(storedKey)))
  for (const entity of entities) work.removed(entity)
}

function byTable(entities: readonly Entity[]): Map<TableMetadata, Entity[]> {
  return Map.groupBy(entities, (entity) => stateOf(entity).table)
}

function circularError(entities: readonly Entity[]): DataBridgeError {
  const names = [...new Set(entities.map((entity) => stateOf(entity).table.entityName))]
  return new DataBridgeError(
    'DATA_BRIDGE_ERR_FLUSH',
    `new entities of ${listed(names)} refer to each other in a circle, so none of them can be inserted first; ` +
      'leave one foreign key null, flush, and set it then',
  )
}

function countError(
  verb: string,
  table: TableMetadata,
  expected: number,
  came: number,
): DataBridgeError {
  return new DataBridgeError(
    'DATA_BRIDGE_ERR_FLUSH',
    `${verb} ${table.name} expected ${expected} rows back; came ${came}: does a trigger or a rule leave rows out?`,
    { table: table.name },
  )
}

function staleError(table: TableMetadata, missing: number): DataBridgeError {
  return new DataBridgeError(
    'DATA_BRIDGE_ERR_STALE',
    `${missing} changed row${missing === 1 ? '' : 's'} of ${table.name} no longer exist${missing === 1 ? 's' : ''}`,
    { table: table.name },
  )
}

function notStoredError({ owner, name, target }: RelationMetadata): DataBridgeError {
  return new DataBridgeError(
    'DATA_BRIDGE_ERR_FLUSH',
    `${owner.entityName}.${name} refers to a ${target.entityName} that is not stored; add it to the session too`,
  )
}
