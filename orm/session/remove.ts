import type { Entity } from '../entity/entity.ts'
import { stateOf } from '../entity/entity-state.ts'
import { storedKey } from '../entity/identity.ts'
import type { TableMetadata } from '../schema/metadata.ts'
import type { Row } from '../schema/wire-form.ts'
import { deleteRows } from '../sql/delete-statements.ts'
import { guardedDeleteRows } from '../sql/guarded-writes.ts'
import { leaveRelations } from './held-relations.ts'
import { rowsByPlace } from './row-counts.ts'
import { staleError } from './write-errors.ts'
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
  const read = versionsOf(table, entities)
  // In a circle, a row may be gone because the flush itself deleted it. So the versions of the others come back.
  const versions = isCircle ? undefined : read
  writing.put({
    verb: 'DELETE',
    table,
    entities,
    statement: () => deleteRows(table, keys, facts, versions),
    guarded: () => guardedDeleteRows(table, keys, facts, isCircle, versions),
    absorb(written) {
      if (!written.isGuarded) {
        const got = rowsByPlace('DELETE', table, entities.length, written, isCircle)
        if (isCircle && read !== undefined) requireVersions(table, read, got)
      }
      for (const entity of entities) writing.work.removed(entity)
      leaveRelations(writing.work.identity, entities)
    },
  })
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
