import type { Entity } from '../entity/entity.ts'
import { stateOf } from '../entity/entity-state.ts'
import { storedKey, textsOfKey } from '../entity/identity.ts'
import type { TableMetadata } from '../schema/metadata.ts'
import { selectOfKeys } from '../sql/key-statements.ts'
import type { Statement } from '../sql/statement.ts'
import { cascadesBelow } from './cascading.ts'
import { leaveRelations } from '../unit-of-work/held-relations.ts'
import { byTable } from './tables.ts'
import type { Batch, Writing } from './writing.ts'

/**
 * Asks for the rows that `on delete cascade` may have deleted over others that the session does not hold: the comments of
 * the posts of a deleted user. Detaches the entities of those that are gone.
 *
 * @param roots the tables of the deleted rows
 */
export function askForVanished(writing: Writing, roots: ReadonlySet<TableMetadata>): void {
  if (roots.size === 0) return
  const entities = [...doubtful(writing, roots)].filter(isStored)
  for (const [table, same] of byTable(entities)) writing.put(question(writing, table, same))
}

function isStored(entity: Entity): boolean {
  return stateOf(entity).lifecycle === 'stored'
}

/** The rows below others that the session does not hold, and the rows below these. */
function doubtful(writing: Writing, roots: ReadonlySet<TableMetadata>): ReadonlySet<Entity> {
  const { held, unheld } = cascadesBelow(writing, roots)
  const found = new Set(unheld)
  // The set grows while it is walked: not by recursion, since a chain may be longer than the stack.
  for (const entity of found) for (const child of held.get(entity) ?? []) found.add(child)
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
