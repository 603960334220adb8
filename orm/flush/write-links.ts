import type { Entity } from '../entity/entity.ts'
import { stateOf } from '../entity/entity-state.ts'
import { identityOfKey, keptThere, keyNow } from '../entity/identity.ts'
import type { ColumnMetadata, TableMetadata } from '../schema/metadata.ts'
import { type ColumnPair, linkColumns, type Through } from '../schema/relation-metadata.ts'
import { defaultValue, keptOf } from '../schema/values.ts'
import type { Primitive, Row } from '../schema/wire-form.ts'
import { deleteLinks, insertLinks } from '../sql/link-statements.ts'
import { leaveRelations } from '../unit-of-work/held-relations.ts'
import type { LinkChange } from '../unit-of-work/pending-relations.ts'
import { knownReferences } from './references.ts'
import { byTable } from './tables.ts'
import type { UnitOfWork } from '../unit-of-work/unit-of-work.ts'
import { unstoredLinkError } from './write-errors.ts'
import type { Writing } from './writing.ts'

const none: readonly Entity[] = []

/** The link tables of changed links. */
export function linkTables(links: readonly LinkChange[]): ReadonlySet<TableMetadata> {
  return new Set(links.map(({ relation }) => throughOf(relation).table))
}

/** Inserts the links that were added. Their owners and targets are stored. */
export function writeAddedLinks(writing: Writing, links: readonly LinkChange[]): void {
  for (const [through, same] of byThrough(links.filter(({ isThere }) => isThere))) {
    const { table } = through
    const facts = writing.factsOf(table)
    const keys = linkColumns(through)
    const made = madeColumns(table, keys)
    const values = [
      ...columnsOf(same, through),
      ...made.map((column) => same.map(() => madeValue(column))),
    ]
    const statement = insertLinks(table, keys, [...keys, ...made], values, facts)
    put(writing, 'INSERT', table, statement, same)
  }
}

/**
 * Deletes the links that were removed, and forgets the entities of their rows.
 *
 * @returns these entities, as far as the session holds any
 */
export function writeRemovedLinks(
  writing: Writing,
  links: readonly LinkChange[],
): ReadonlySet<Entity> {
  const gone = new Set<Entity>()
  for (const [through, same] of byThrough(links.filter(({ isThere }) => !isThere))) {
    const { table } = through
    const keys = linkColumns(through)
    const values = columnsOf(same, through)
    const statement = deleteLinks(table, keys, values, writing.factsOf(table))
    for (const entity of heldRows(writing.work, table, keys, values)) gone.add(entity)
    put(writing, 'DELETE', table, statement, same, () => {
      const rows = heldRows(writing.work, table, keys, values)
      for (const entity of rows) writing.work.vanished(entity)
      leaveRelations(writing.work.identity, rows)
    })
  }
  return gone
}

/**
 * Deletes the links of rows that are deleted. Only of link tables without an entity, whose rows nobody else deletes, and
 * where the database does not delete them itself.
 */
export function unlinkDeleted(writing: Writing, entities: readonly Entity[]): void {
  for (const [table, same] of byTable(entities)) {
    for (const through of plainLinks(table)) {
      if (isCascaded(writing, table, through)) continue
      const columns = through.from.map(([, between]) => between)
      const values = through.from.map((pair) =>
        same.map((entity) => keptThere(pair, stateOf(entity).snapshot?.[pair[0].position] ?? null)),
      )
      const statement = deleteLinks(through.table, columns, values, writing.factsOf(through.table))
      put(writing, 'DELETE', through.table, statement, [])
    }
  }
}

/** The link tables without an entity that a table's relations name. */
export function plainLinks(table: TableMetadata): readonly Through[] {
  const found: Through[] = []
  table.relations.forEach(({ through }) => {
    if (through?.isPlain === true) found.push(through)
  })
  return found
}

function isCascaded(
  writing: Writing,
  table: TableMetadata,
  { table: link, from }: Through,
): boolean {
  const references = knownReferences(writing.factsOf, link, [table])
  return references.some(
    ({ action, pairs }) =>
      action === 'cascade' &&
      pairs.every(([local]) => from.some(([, between]) => between === local)),
  )
}

/** The entities of rows that the session holds. */
function heldRows(
  work: UnitOfWork,
  table: TableMetadata,
  keys: readonly ColumnMetadata[],
  values: readonly Row[],
): readonly Entity[] {
  const held = work.identity.of(table)
  if (held.size === 0) return none
  const [first = []] = values
  const wanted = new Set(
    first.map((_, index) =>
      identityOfKey(
        keys,
        values.map((row) => row[index] as Primitive),
      ),
    ),
  )
  return [...held.values()].filter((entity) => {
    const { snapshot = [] } = stateOf(entity)
    const key = keys.map(({ position }) => snapshot[position] as Primitive)
    return wanted.has(identityOfKey(keys, key))
  })
}

function put(
  writing: Writing,
  verb: 'INSERT' | 'DELETE',
  table: TableMetadata,
  statement: ReturnType<typeof insertLinks>,
  links: readonly LinkChange[],
  written?: () => void,
): void {
  writing.put({
    verb,
    table,
    entities: [],
    statement: () => statement,
    // A link may be there already, or gone: there is nothing to count.
    guarded: () => statement,
    absorb({ isGuarded }) {
      written?.()
      writing.work.wroteLinks(links, isGuarded)
    },
  })
}

function throughOf({ through }: LinkChange['relation']): Through {
  return through as Through
}

function byThrough(links: readonly LinkChange[]): ReadonlyMap<Through, readonly LinkChange[]> {
  return Map.groupBy(links, ({ relation }) => throughOf(relation))
}

/** What is kept of both keys, column by column. */
function columnsOf(links: readonly LinkChange[], { from, to }: Through): Row[] {
  const remotes = to.map(([between, remote]): ColumnPair => [remote, between])
  const rows = links.map((link) => [
    ...keyOf(link.owner, from, link),
    ...keyOf(link.target, remotes, link),
  ])
  return [...from, ...to].map((_, index) => rows.map((row) => row[index] as Primitive))
}

function keyOf(entity: Entity, pairs: readonly ColumnPair[], { relation }: LinkChange): Row {
  const key = keyNow(
    entity,
    pairs.map(([local]) => local),
  )
  if (key === null || key === undefined) throw unstoredLinkError(relation)
  return pairs.map((pair, index) => keptThere(pair, key[index] as Primitive))
}

/** The other columns of a link table that the library gives a value. */
function madeColumns(
  { columns }: TableMetadata,
  keys: readonly ColumnMetadata[],
): readonly ColumnMetadata[] {
  return columns.filter(
    (column) =>
      !keys.includes(column) && (column.default?.kind === 'value' || column.onUpdate !== undefined),
  )
}

function madeValue(column: ColumnMetadata): Primitive {
  return keptOf(column, defaultValue(column) ?? column.onUpdate?.())
}
