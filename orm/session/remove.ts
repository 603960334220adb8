import type { Entity } from '../entity/entity.ts'
import { storedKey } from '../entity/identity.ts'
import type { TableMetadata } from '../schema/metadata.ts'
import { guardedDeleteRows } from '../sql/guarded-writes.ts'
import { deleteRows } from '../sql/write-statements.ts'
import { leaveRelations } from './held-relations.ts'
import { rowsByPlace } from './row-counts.ts'
import type { Writing } from './writing.ts'

/** Deletes rows of one table with one statement. */
export function removeTable(
  writing: Writing,
  table: TableMetadata,
  entities: readonly Entity[],
  isCircle: boolean,
): void {
  const facts = writing.factsOf(table)
  const keys = entities.map(storedKey)
  writing.put({
    verb: 'DELETE',
    table,
    entities,
    statement: () => deleteRows(table, keys, facts),
    guarded: () => guardedDeleteRows(table, keys, facts, isCircle),
    absorb(written) {
      if (!written.isGuarded) rowsByPlace('DELETE', table, entities.length, written, isCircle)
      for (const entity of entities) writing.work.removed(entity)
      leaveRelations(writing.work.identity, entities)
    },
  })
}
