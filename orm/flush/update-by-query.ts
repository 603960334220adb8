import { loadedColumns } from '../entity/deferred.ts'
import type { Entity } from '../entity/entity.ts'
import { stateOf } from '../entity/entity-state.ts'
import { identityOf, storedKey } from '../entity/identity.ts'
import type { TableMetadata } from '../schema/metadata.ts'
import { columnsOf, columnsWith, type RowColumns } from '../schema/row-columns.ts'
import type { Primitive, Row } from '../schema/wire-form.ts'
import type { QueryWrite } from '../sql/query-write.ts'
import type { TableFacts } from '../sql/table-facts.ts'
import { forgetMoved } from '../unit-of-work/moved-rows.ts'
import type { Following } from './query-write.ts'
import { readVersions } from './versions.ts'
import type { Writing } from './writing.ts'

/** What an UPDATE by a query means to the entities of the session: those of its rows get the new values. */
export function updateByQuery(writing: Writing, { from, changes }: QueryWrite): Following {
  const { work, factsOf } = writing
  const { table } = from
  const entities = [...work.identity.of(table).values()]
  const facts = factsOf(table)
  const columns = changes.map(({ column }) => column)
  const renewed = new Set<Entity>()
  return {
    held:
      entities.length === 0
        ? undefined
        : {
            columns: columnsRead(table, entities, facts),
            wanted: [{ columns: table.primaryKey, keys: entities.map(storedKey) }],
          },
    follow({ held, result }) {
      for (const row of held) {
        const entity = work.identity.get(table, identityOf(table, row))
        if (entity === undefined) continue
        work.renewed(entity, ofEntity(entity, row))
        renewed.add(entity)
      }
      if (result.rowCount > 0) forgetMoved(work.identity, table, columns)
    },
    ask() {
      if (entities.length > 0 && facts.rereadsXmin) readVersions(writing, table, entities, renewed)
    },
  }
}

/** The columns that the entities know. */
function columnsRead(
  table: TableMetadata,
  entities: readonly Entity[],
  facts: TableFacts,
): RowColumns {
  const loaded = new Set(table.deferred.length === 0 ? [] : entities.flatMap(loadedColumns))
  const columns = columnsWith(table, [...loaded])
  if (!facts.rereadsXmin) return columns
  return columnsOf(
    table,
    columns.list.filter((column) => column !== table.version),
  )
}

/** The row without what this entity does not know, and with what the write does not give back. */
function ofEntity(entity: Entity, row: Row): Row {
  const { table, snapshot = [] } = stateOf(entity)
  const own: Primitive[] = row.slice()
  for (const { position, deferred } of table.rowColumns) {
    const isUnknown = deferred && snapshot[position] === undefined
    if (isUnknown || own[position] === undefined) own[position] = snapshot[position] as Primitive
  }
  return own
}
