import { compiledOf } from '../entity/compiled-table.ts'
import { writesOf } from '../entity/compiled-writes.ts'
import type { Entity } from '../entity/entity.ts'
import { stateOf } from '../entity/entity-state.ts'
import { keyNow } from '../entity/identity.ts'
import type { Link } from '../entity/links.ts'
import { isMadeByDatabase } from '../entity/looped-writes.ts'
import { setValue } from '../entity/property.ts'
import type { ColumnMetadata, RelationMetadata, TableMetadata } from '../schema/metadata.ts'
import { requireValue } from '../schema/values.ts'
import { type Change, changeOf, type ChangeSet } from './change-set.ts'
import { commitOrder, parentsOf } from './commit-order.ts'
import { fillForeignKeys, hasKey, insertTable, statementKey } from './insert.ts'
import type { LinkChange } from './pending-relations.ts'
import { removeTable } from './remove.ts'
import { deleteOrder, insertOrder, ready } from './row-order.ts'
import { updateTable } from './update.ts'
import { circularError } from './write-errors.ts'
import { linkTables, writeAddedLinks, writeRemovedLinks } from './write-links.ts'
import type { Writing } from './writing.ts'

/**
 * Writes a change set: inserts with the referenced tables first, then updates, then deletes with the
 * referring tables first. A table needs one statement, unless its rows depend on each other. What is not sent yet
 * is left to the caller.
 */
export async function writeChanges(writing: Writing, changes: ChangeSet): Promise<void> {
  writeRemovedLinks(writing, changes.links)
  const added = byTable(changes.added)
  for (const group of commitOrder(added.keys(), parentsOf)) {
    const [table] = group
    if (isAlone(group) && table !== undefined)
      await insertTable(writing, table, added.get(table) ?? [])
    else
      await insertGroup(
        writing,
        group.flatMap((one) => added.get(one) ?? []),
      )
  }
  const referring = await completeReferring(writing, changes.awaiting)
  for (const [table, rows] of changesByTable([...changes.changed, ...referring]))
    updateTable(writing, table, rows)
  await addLinks(writing, changes.links)
  const deleted = byTable(changes.deleted)
  for (const group of commitOrder(deleted.keys(), parentsOf).toReversed()) {
    const [table] = group
    if (isAlone(group) && table !== undefined)
      removeTable(writing, table, deleted.get(table) ?? [], false)
    else
      removeGroup(
        writing,
        group.flatMap((one) => deleted.get(one) ?? []),
      )
  }
}

/** The changes of stored entities that refer to new ones, which have got their keys. */
async function completeReferring(
  writing: Writing,
  awaiting: readonly Entity[],
): Promise<readonly Change[]> {
  if (awaiting.length === 0) return []
  await writing.settle()
  for (const entity of awaiting) fillForeignKeys(entity)
  writing.work.completed(awaiting)
  return awaiting.flatMap((entity) => changeOf(entity, writing.work.identity) ?? [])
}

async function addLinks(writing: Writing, links: readonly LinkChange[]): Promise<void> {
  // A key that the database makes is known only when its row is stored.
  if (links.some(({ isThere, ...link }) => isThere && !areStored(link))) await writing.settle()
  writeAddedLinks(writing, links)
}

function areStored({ owner, target }: Link): boolean {
  return stateOf(owner).lifecycle === 'stored' && stateOf(target).lifecycle === 'stored'
}

const noChanges: ReadonlyMap<TableMetadata, readonly Change[]> = new Map()
const noRows: ReadonlyMap<TableMetadata, readonly Entity[]> = new Map()

/** The tables that a change set writes. */
export function tablesOf({
  added,
  changed,
  deleted,
  awaiting,
  links,
}: ChangeSet): ReadonlySet<TableMetadata> {
  const tables = new Set<TableMetadata>()
  for (const entity of added) tables.add(stateOf(entity).table)
  for (const { table } of changed) tables.add(table)
  for (const entity of deleted) tables.add(stateOf(entity).table)
  for (const entity of awaiting) tables.add(stateOf(entity).table)
  for (const table of linkTables(links)) tables.add(table)
  return tables
}

/** Whether rows of these tables cannot refer to each other. */
function isAlone(group: readonly TableMetadata[]): boolean {
  const [table] = group
  return group.length === 1 && table !== undefined && !parentsOf(table).has(table)
}

/** Inserts rows of tables that may refer to each other. Each round inserts the rows whose references are stored. */
async function insertGroup(writing: Writing, entities: readonly Entity[]): Promise<void> {
  const before = insertOrder(entities)
  const waiting = new Set(entities)
  while (waiting.size > 0) {
    const isOne = (one: Entity, other: Entity): boolean =>
      keyNow(other, stateOf(other).table.primaryKey) !== undefined &&
      statementKey(one) === statementKey(other)
    const next = ready(waiting, before, isOne)
    // If keys refer to each other in a cycle, the constraint may be deferred.
    if (next.length === 0)
      next.push(...[...waiting].filter((entity) => !needsKeyOf(entity, waiting)))
    if (next.length === 0) throw circularError([...waiting])
    for (const [table, rows] of byTable(next)) await insertTable(writing, table, rows)
    for (const entity of next) waiting.delete(entity)
  }
}

function needsKeyOf(entity: Entity, others: ReadonlySet<Entity>): boolean {
  for (const [relation, target] of stateOf(entity).references ?? []) {
    if (!hasKey(entity, relation) && others.has(target as Entity)) return true
  }
  return false
}

/** Deletes rows of tables that may refer to each other. Each round deletes the rows that no other row refers to. */
function removeGroup(writing: Writing, entities: readonly Entity[]): void {
  const before = deleteOrder(entities)
  const waiting = new Set(entities)
  const isOne = (one: Entity, other: Entity): boolean => stateOf(one).table === stateOf(other).table
  while (waiting.size > 0) {
    const next = ready(waiting, before, isOne)
    // If rows refer to each other in a cycle, PostgreSQL may accept one statement: deferred, or `on delete`.
    const rows = next.length === 0 ? [...waiting] : next
    for (const [table, same] of byTable(rows)) removeTable(writing, table, same, next.length === 0)
    for (const entity of rows) waiting.delete(entity)
  }
}

function byTable(entities: readonly Entity[]): ReadonlyMap<TableMetadata, readonly Entity[]> {
  const [first] = entities
  if (first === undefined) return noRows
  const { table } = stateOf(first)
  if (entities.every((entity) => stateOf(entity).table === table))
    return new Map([[table, entities]])
  return Map.groupBy(entities, (entity) => stateOf(entity).table)
}

function changesByTable(changes: readonly Change[]): ReadonlyMap<TableMetadata, readonly Change[]> {
  const [first] = changes
  if (first === undefined) return noChanges
  return changes.every(({ table }) => table === first.table)
    ? new Map([[first.table, changes]])
    : Map.groupBy(changes, ({ table }) => table)
}

/** Checks a new entity before the first statement, so that an invalid flush writes nothing. */
export function completeNew(entity: Entity): void {
  const { table, references } = stateOf(entity)
  const { columns } = table
  if (writesOf(table).isComplete(entity)) return
  const values = compiledOf(table).valuesOf(entity)
  for (let position = 0; position < columns.length; position += 1) {
    const column = columns[position] as ColumnMetadata
    let value = values[position]
    if (value === undefined) {
      if (isMadeByDatabase(column) || isReferenced(column, references)) continue
      if (column.onUpdate !== undefined) {
        value = column.onUpdate()
        setValue(entity, column, value)
      }
    }
    requireValue(table, column, value)
  }
}

/** Whether the flush fills in the column from an entity that was given for it. */
function isReferenced(
  column: ColumnMetadata,
  references: ReadonlyMap<RelationMetadata, object> | undefined,
): boolean {
  if (references === undefined) return false
  for (const { foreignKey } of references.keys()) if (foreignKey.includes(column)) return true
  return false
}
