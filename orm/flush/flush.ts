import { compiledOf } from '../entity/compiled-table.ts'
import { writesOf } from '../entity/compiled-writes.ts'
import type { Entity } from '../entity/entity.ts'
import { stateOf } from '../entity/entity-state.ts'
import type { Link } from '../entity/links.ts'
import { isMadeByDatabase } from '../entity/looped-writes.ts'
import { setValue } from '../entity/property.ts'
import { isReferenced } from '../entity/references.ts'
import type { ColumnMetadata, TableMetadata } from '../schema/metadata.ts'
import { requireValue } from '../schema/values.ts'
import { completeChanges, withAwaited } from './awaited-changes.ts'
import type { Change, ChangeSet } from '../unit-of-work/change-set.ts'
import { commitOrder, parentsOf } from '../unit-of-work/commit-order.ts'
import { insertGroup } from './insert-group.ts'
import { insertTable } from './insert.ts'
import type { LinkChange } from '../unit-of-work/pending-relations.ts'
import { removeAll } from './remove.ts'
import { type Step, stepsOf } from './steps.ts'
import { byTable, changesByTable, inNameOrder } from './tables.ts'
import { updateTable } from './update.ts'
import { askForVanished } from './vanished.ts'
import {
  linkTables,
  plainLinks,
  unlinkDeleted,
  writeAddedLinks,
  writeRemovedLinks,
} from './write-links.ts'
import type { Writing } from './writing.ts'

/**
 * Writes a change set: inserts with the referenced tables first, then updates, then deletes with the
 * referring tables first. A table needs one statement, unless its rows depend on each other. What is not sent yet
 * is left to the caller.
 */
export async function writeChanges(writing: Writing, changes: ChangeSet): Promise<void> {
  const gone = writeRemovedLinks(writing, changes.links)
  const steps = stepsOf(writing, withAwaited(writing, without(gone, changes)))
  for (const step of steps) {
    const isLast = step === steps.at(-1)
    if (step.added.length > 0) await insertAll(writing, step.added)
    const areKnown = changes.awaiting.length === 0
    updateAll(writing, areKnown ? step.changed : await completeChanges(writing, step.changed))
    if (isLast) await addLinks(writing, changes.links)
    unlinkDeleted(writing, step.deleted)
    removeAll(writing, step.deleted)
    // A stale row frees no value. And the second part of an update needs the version that the first part has made.
    if (!isLast && hasVersions(step)) await writing.settle()
  }
  askForVanished(writing, new Set(byTable(changes.deleted).keys()))
}

/** The changes without those of rows that go with removed links. */
function without(gone: ReadonlySet<Entity>, changes: ChangeSet): ChangeSet {
  if (gone.size === 0) return changes
  const stays = (entity: Entity): boolean => !gone.has(entity)
  return {
    ...changes,
    changed: changes.changed.filter(({ entity }) => stays(entity)),
    deleted: changes.deleted.filter(stays),
    awaiting: changes.awaiting.filter(stays),
  }
}

async function insertAll(writing: Writing, entities: readonly Entity[]): Promise<void> {
  // In one order, however they were added: two flushes of the same unique values wait for each other.
  const added = inNameOrder(byTable(entities))
  for (const group of commitOrder(added.keys(), parentsOf)) {
    const [table] = group
    if (group.length === 1 && table !== undefined && !parentsOf(table).has(table))
      await insertTable(writing, table, added.get(table) ?? [])
    else
      await insertGroup(
        writing,
        group.flatMap((one) => added.get(one) ?? []),
      )
  }
}

async function addLinks(writing: Writing, links: readonly LinkChange[]): Promise<void> {
  // A key that the database makes is known only when its row is stored.
  if (links.some(({ isThere, ...link }) => isThere && !areStored(link))) await writing.settle()
  writeAddedLinks(writing, links)
}

function areStored({ owner, target }: Link): boolean {
  return stateOf(owner).lifecycle === 'stored' && stateOf(target).lifecycle === 'stored'
}

function hasVersions({ changed, deleted }: Step): boolean {
  return (
    changed.some(({ table }) => table.version !== undefined) ||
    deleted.some((entity) => stateOf(entity).table.version !== undefined)
  )
}

function updateAll(writing: Writing, changes: readonly Change[]): void {
  // Always in one order, so that two flushes of the same tables wait for each other.
  for (const [table, rows] of inNameOrder(changesByTable(changes)))
    updateTable(writing, table, rows)
}

/** The tables that a change set writes. */
export function tablesOf({
  added,
  changed,
  deleted,
  awaiting,
  links,
}: ChangeSet): Set<TableMetadata> {
  const tables = new Set<TableMetadata>()
  for (const entity of added) tables.add(stateOf(entity).table)
  for (const { table } of changed) tables.add(table)
  for (const [table] of byTable(deleted)) {
    tables.add(table)
    for (const { table: link } of plainLinks(table)) tables.add(link)
  }
  for (const entity of awaiting) tables.add(stateOf(entity).table)
  for (const table of linkTables(links)) tables.add(table)
  return tables
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
