import type { Entity } from '../entity/entity.ts'
import { stateOf } from '../entity/entity-state.ts'
import { identityOf, keptThere, storedKey } from '../entity/identity.ts'
import type { ColumnMetadata, TableMetadata } from '../schema/metadata.ts'
import { columnsOf } from '../schema/row-columns.ts'
import type { Row } from '../schema/wire-form.ts'
import type { HeldRows, QueryWrite, WantedRows } from '../sql/query-write.ts'
import { leaveRelations } from '../unit-of-work/held-relations.ts'
import { forgetLinked } from '../unit-of-work/moved-rows.ts'
import { followDeletion } from './cascades.ts'
import type { Following } from './query-write.ts'
import { type KnownReference, knownReferences, remotesOf } from './references.ts'
import { askForVanished } from './vanished.ts'
import type { Writing } from './writing.ts'

/**
 * What a DELETE by a query means to the entities of the session: those of its rows are detached, and those that refer to
 * its rows follow as the database lets their rows follow.
 */
export function deletionByQuery(writing: Writing, { from: { table } }: QueryWrite): Following {
  const { work } = writing
  return {
    held: heldRows(writing, table),
    follow({ held, result }) {
      const rows: Row[] = []
      const gone: Entity[] = []
      for (const row of held) {
        const entity = work.identity.get(table, identityOf(table, row))
        rows.push((entity && stateOf(entity).snapshot) ?? row)
        if (entity === undefined) continue
        work.vanished(entity)
        gone.push(entity)
      }
      followDeletion(writing, table, rows, gone)
      leaveRelations(work.identity, gone)
      if (result.rowCount > 0) forgetLinked(work.identity, table)
    },
    ask: () => askForVanished(writing, new Set([table])),
  }
}

/** The rows that the session holds, and those that rows of the session refer to. */
function heldRows(writing: Writing, table: TableMetadata): HeldRows | undefined {
  const { identity } = writing.work
  const wanted: WantedRows[] = []
  const entities = [...identity.of(table).values()]
  if (entities.length > 0) wanted.push({ columns: table.primaryKey, keys: entities.map(storedKey) })
  for (const child of identity.tables())
    for (const reference of knownReferences(writing.factsOf, child, [table])) {
      if (reference.action === 'none') continue
      const keys = keysReferredTo([...identity.of(child).values()], reference)
      if (keys.length > 0) wanted.push({ columns: remotesOf(reference), keys })
    }
  if (wanted.length === 0) return undefined
  const columns = new Set<ColumnMetadata>(table.primaryKey)
  for (const one of wanted) for (const column of one.columns) columns.add(column)
  return { columns: columnsOf(table, [...columns]), wanted }
}

/** The values that entities refer to, as the table that they refer to keeps them. */
function keysReferredTo(children: readonly Entity[], { pairs }: KnownReference): readonly Row[] {
  return children
    .map((child): Row => {
      const { snapshot = [] } = stateOf(child)
      return pairs.map((pair) => keptThere(pair, snapshot[pair[0].position] ?? null))
    })
    .filter((key) => !key.includes(null))
}
