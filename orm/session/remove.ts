import type { Entity } from '../entity/entity.ts'
import { storedKey } from '../entity/identity.ts'
import type { TableMetadata } from '../schema/metadata.ts'
import { deleteRows } from '../sql/write-statements.ts'
import { rowsByPlace } from './row-counts.ts'
import type { Writing } from './writing.ts'

/** Deletes rows of one table with one statement. */
export async function removeTable(
  writing: Writing,
  table: TableMetadata,
  entities: readonly Entity[],
  isCircle: boolean,
): Promise<void> {
  const statement = deleteRows(table, entities.map(storedKey), writing.factsOf(table))
  const result = await writing.send({ verb: 'DELETE', table, entities, statement })
  rowsByPlace('DELETE', table, entities.length, result, isCircle)
  for (const entity of entities) writing.work.removed(entity)
}
