import type { Entity } from '../entity/entity.ts'
import { stateOf } from '../entity/entity-state.ts'
import { storedKey, textsOfKey } from '../entity/identity.ts'
import type { TableMetadata } from '../schema/metadata.ts'
import { selectOfKeys } from '../sql/key-statements.ts'
import type { Statement } from '../sql/statement.ts'
import { leaveRelations } from './held-relations.ts'
import {
  heldTarget,
  keyIn,
  type KnownReference,
  knownReferences,
  withAncestors,
} from './references.ts'
import { byTable } from './tables.ts'
import type { Batch, Writing } from './writing.ts'

/**
 * Asks for the rows that `on delete cascade` may have deleted over others that the session does not hold: the comments of
 * the posts of a deleted user. Detaches the entities of those that are gone.
 */
export function askForVanished(writing: Writing, deleted: readonly Entity[]): void {
  if (deleted.length === 0) return
  const entities = [...doubtful(writing, deleted)].filter(isStored)
  for (const [table, same] of byTable(entities)) writing.put(question(writing, table, same))
}

function isStored(entity: Entity): boolean {
  return stateOf(entity).lifecycle === 'stored'
}

function doubtful(writing: Writing, deleted: readonly Entity[]): ReadonlySet<Entity> {
  const { identity } = writing.work
  const cascades = cascadesBelow(writing, new Set(deleted.map((entity) => stateOf(entity).table)))
  const found = new Set<Entity>()
  const below = new Map<Entity, Entity[]>()
  for (const [table, references] of cascades)
    for (const entity of identity.of(table).values())
      for (const reference of references) {
        const { snapshot = [] } = stateOf(entity)
        if (keyIn(snapshot, reference) === undefined) continue
        const parent = heldTarget(identity, snapshot, reference)
        const children = parent && below.get(parent)
        if (parent === undefined) found.add(entity)
        else if (children === undefined) below.set(parent, [entity])
        else children.push(entity)
      }
  // The set grows while it is walked: not by recursion, since a chain may be longer than the stack.
  for (const entity of found) for (const child of below.get(entity) ?? []) found.add(child)
  return found
}

/** The cascading references to rows that may go with rows of these tables, by the tables that have them. */
function cascadesBelow(
  writing: Writing,
  deleted: ReadonlySet<TableMetadata>,
): ReadonlyMap<TableMetadata, readonly KnownReference[]> {
  const tables = withAncestors(writing.work.identity.tables())
  const cascades = [...tables].flatMap((table) =>
    knownReferences(writing.factsOf, table, tables)
      .filter(({ action }) => action === 'cascade')
      .map((reference) => ({ table, reference })),
  )
  const reached = new Set(deleted)
  const below = new Set<TableMetadata>()
  for (const parent of reached)
    for (const { table, reference } of cascades)
      if (reference.target === parent) {
        below.add(table)
        reached.add(table)
      }
  const found = new Map<TableMetadata, KnownReference[]>()
  for (const { table, reference } of cascades)
    if (below.has(reference.target)) found.set(table, [...(found.get(table) ?? []), reference])
  return found
}

function question(writing: Writing, table: TableMetadata, entities: readonly Entity[]): Batch {
  const keys = entities.map((entity) => textsOfKey(table.primaryKey, storedKey(entity)))
  const statement = (): Statement => selectOfKeys(table, [], keys)
  return {
    verb: 'SELECT',
    table,
    entities,
    statement,
    guarded: statement,
    absorb({ rows }) {
      const places = new Set(rows.map(([place]) => Number(place)))
      const gone = entities.filter((entity, index) => isStored(entity) && !places.has(index + 1))
      for (const entity of gone) writing.work.vanished(entity)
      leaveRelations(writing.work.identity, gone)
    },
  }
}
