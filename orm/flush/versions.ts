import type { Entity } from '../entity/entity.ts'
import { stateOf } from '../entity/entity-state.ts'
import { storedKey, textsOfKey } from '../entity/identity.ts'
import type { TableMetadata } from '../schema/metadata.ts'
import type { Statement } from '../sql/statement.ts'
import { selectOfKeys } from '../sql/key-statements.ts'
import type { Writing } from './writing.ts'

/**
 * Reads the versions of rows that this flush has written, in the same exchange if it can.
 *
 * @param written those that take their version, if others may be among the entities
 */
export function readVersions(
  writing: Writing,
  table: TableMetadata,
  entities: readonly Entity[],
  written?: ReadonlySet<Entity>,
): void {
  const { version } = table
  if (version === undefined) return
  const statement = (): Statement =>
    selectOfKeys(
      table,
      [version],
      entities.map((entity) => textsOfKey(table.primaryKey, storedKey(entity))),
    )
  writing.put({
    verb: 'SELECT',
    table,
    entities,
    statement,
    guarded: () => (writing.factsOf(table).isPlain ? statement() : undefined),
    absorb({ rows }) {
      // Without a row, the entity keeps a version that no row has: its next write is refused.
      for (const [xmin = null, place] of rows) {
        const entity = entities[Number(place) - 1] as Entity
        if (written?.has(entity) === false) continue
        const state = stateOf(entity)
        const row = (state.snapshot ?? []).slice()
        row[version.position] = xmin
        state.snapshot = row
      }
    },
  })
}
