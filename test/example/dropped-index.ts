import assert from 'node:assert/strict'
import type { TestDatabase } from '../support/database.ts'

/** Drops an index, with the constraint that it is for and the foreign keys to it. Disposing makes all of them again. */
export async function dropped(
  index: string,
  query: TestDatabase['query'],
): Promise<AsyncDisposable> {
  const [found] = await query<Found>(
    `select c.indrelid::regclass::text as table, pg_get_indexdef(c.indexrelid) as definition,
       (select pg_get_constraintdef(oid) from pg_constraint
        where conindid = c.indexrelid and contype in ('p', 'u')) as constraint
     from pg_index c where c.indexrelid = $1::regclass`,
    [index],
  )
  assert(found !== undefined)
  const references = await query<Reference>(
    `select conname as name, conrelid::regclass::text as table, pg_get_constraintdef(oid) as definition
     from pg_constraint where conindid = $1::regclass and contype = 'f'`,
    [index],
  )
  const { table, definition, constraint } = found
  const makings =
    constraint === null
      ? [definition]
      : [
          `alter table ${table} add constraint ${index} ${constraint}`,
          ...references.map(
            (each) => `alter table ${each.table} add constraint ${each.name} ${each.definition}`,
          ),
        ]
  await query(
    constraint === null
      ? `drop index ${index}`
      : `alter table ${table} drop constraint ${index} cascade`,
  )
  return {
    async [Symbol.asyncDispose]() {
      // Without the foreign keys, rows may have stayed whose key is gone.
      await query('truncate users, posts, comments, tags, post_tags')
      for (const making of makings) await query(making)
    },
  }
}

interface Found {
  readonly table: string
  readonly definition: string
  readonly constraint: string | null
}

interface Reference {
  readonly name: string
  readonly table: string
  readonly definition: string
}
