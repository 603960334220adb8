import type { TestDatabase } from '../../support/database.ts'

type Query = TestDatabase['query']

/** Everything that DDL makes, with the number of the transaction that made it. */
export const stateOf = (query: Query) =>
  query(`
    select 'relation' as kind, oid::regclass::text as name, xmin::text from pg_class
    where relnamespace in (select oid from pg_namespace where nspname !~ '^(pg_|information_schema)')
    union all select 'constraint', conname || ' ' || conrelid::regclass, xmin::text from pg_constraint
    union all select 'type', typname, xmin::text from pg_type where typtype = 'e'
    union all select 'comment', description, xmin::text from pg_description where classoid = 'pg_class'::regclass
    order by 1, 2`)

/** The constraints of a table, except NOT NULL. */
export const constraintsOf = async (query: Query, name: string) => {
  const rows = await query<{ name: string; text: string }>(
    `select conname as name, pg_get_constraintdef(oid) as text from pg_constraint
     where conrelid = $1::regclass and contype <> 'n' order by 1`,
    [name],
  )
  return Object.fromEntries(rows.map(({ name: key, text: value }) => [key, value]))
}

/** Indexes without those of constraints. */
export const indexesOf = async (query: Query, name: string) => {
  const rows = await query<{ name: string; text: string }>(
    `select indexrelid::regclass::text as name, substring(pg_get_indexdef(indexrelid) from '\\(.*') as text
     from pg_index where indrelid = $1::regclass
       and not exists (select from pg_constraint where conindid = indexrelid and contype <> 'f') order by 1`,
    [name],
  )
  return Object.fromEntries(rows.map(({ name: key, text: value }) => [key, value]))
}
