import type { Entity } from '../entity/entity.ts'
import { stateOf } from '../entity/entity-state.ts'
import { storedKey } from '../entity/identity.ts'
import type { TableMetadata } from '../schema/metadata.ts'
import type { Row } from '../schema/wire-form.ts'
import { deleteRows } from '../sql/delete-statements.ts'
import { guardedDeleteRows } from '../sql/guarded-writes.ts'
import { followDeletion } from './cascades.ts'
import { commitOrder } from '../unit-of-work/commit-order.ts'
import { leaveRelations } from '../unit-of-work/held-relations.ts'
import { knownReferences, withAncestors } from './references.ts'
import { rowsByPlace } from './row-counts.ts'
import { deleteOrder, roundsOf } from './row-order.ts'
import { byTable, inNameOrder } from './tables.ts'
import { together } from './together.ts'
import { staleError } from './write-errors.ts'
import type { Batch, Writing } from './writing.ts'

/** Deletes rows, those of referring tables first. A table needs one statement, unless its rows depend on each other. */
export function removeAll(writing: Writing, entities: readonly Entity[]): void {
  const deleted = inNameOrder(byTable(entities))
  const parents = parentsAmong(writing, deleted)
  for (const group of commitOrder(
    deleted.keys(),
    (table) => parents.get(table) ?? [],
  ).toReversed()) {
    const [table] = group
    if (group.length === 1 && table !== undefined && parents.get(table)?.has(table) !== true)
      writing.put(removal(writing, table, deleted.get(table) ?? []))
    else
      removeGroup(
        writing,
        group.flatMap((one) => deleted.get(one) ?? []),
      )
  }
}

type Parents = ReadonlyMap<TableMetadata, ReadonlySet<TableMetadata>>

/** The tables that tables refer to, directly or over others. */
function parentsAmong(
  writing: Writing,
  tables: ReadonlyMap<TableMetadata, readonly Entity[]>,
): Parents {
  const all = withAncestors(tables.keys())
  const targetsOf = (table: TableMetadata): readonly TableMetadata[] =>
    knownReferences(writing.factsOf, table, all).map(({ target }) => target)
  const parents = new Map<TableMetadata, ReadonlySet<TableMetadata>>()
  for (const table of tables.keys()) {
    const direct = new Set(targetsOf(table))
    // A cascade may reach its rows over tables of which nothing is deleted here.
    const reached = new Set(direct)
    for (const parent of reached) for (const target of targetsOf(parent)) reached.add(target)
    if (!direct.has(table)) reached.delete(table)
    parents.set(table, reached)
  }
  return parents
}

/** Deletes rows of tables that may refer to each other. Each round deletes the rows that no other row refers to. */
function removeGroup(writing: Writing, entities: readonly Entity[]): void {
  const isOne = (one: Entity, other: Entity): boolean => stateOf(one).table === stateOf(other).table
  const order = deleteOrder(entities, writing.factsOf)
  for (const { rows, isCircle } of roundsOf(entities, order, isOne)) {
    const tables = [...byTable(rows)]
    const isTogether = isCircle && tables.every(([table]) => writing.factsOf(table).isStored)
    const batches = tables.map(([table, same]) =>
      removal(writing, table, same, isCircle && !isTogether),
    )
    const [first, ...others] = batches
    if (isTogether && first !== undefined) writing.put(together([first, ...others]))
    else for (const batch of batches) writing.put(batch)
  }
}

/**
 * The statement that deletes rows of one table.
 *
 * @param mayBeGone whether the flush itself may have deleted some of them, by `on delete cascade` in a circle
 */
function removal(
  writing: Writing,
  table: TableMetadata,
  entities: readonly Entity[],
  mayBeGone: boolean = false,
): Batch {
  const facts = writing.factsOf(table)
  const keys = entities.map(storedKey)
  const read = versionsOf(table, entities)
  // In a circle, a row may be gone because the flush itself deleted it. So the versions of the others come back.
  const versions = mayBeGone ? undefined : read
  return {
    verb: 'DELETE',
    table,
    entities,
    statement: () => deleteRows(table, keys, facts, versions),
    guarded: () => guardedDeleteRows(table, keys, facts, mayBeGone, versions),
    absorb(written) {
      if (!written.isGuarded) {
        const got = rowsByPlace('DELETE', table, entities.length, written, mayBeGone)
        if (mayBeGone && read !== undefined) requireVersions(table, read, got)
      }
      const rows: Row[] = []
      for (const entity of entities) {
        const { snapshot } = stateOf(entity)
        if (snapshot === undefined) continue // it went with another row
        rows.push(snapshot)
        writing.work.removed(entity)
      }
      writing.work.undo.wroteUnseen() // rows that refer to them follow
      const gone = [...entities]
      followDeletion(writing, table, rows, gone)
      leaveRelations(writing.work.identity, gone)
    },
  }
}

/** What is kept of the versions that were read; undefined if the table has none. */
function versionsOf({ version }: TableMetadata, entities: readonly Entity[]): Row | undefined {
  return version && entities.map((entity) => stateOf(entity).snapshot?.[version.position] ?? null)
}

function requireVersions(table: TableMetadata, read: Row, got: readonly (Row | undefined)[]): void {
  const stale = read.filter((version, index) => {
    const row = got[index]
    return row !== undefined && row[0] !== version
  })
  if (stale.length > 0) throw staleError('DELETE', table, stale.length)
}
