import { type Session, sql } from '../../../orm/index.ts'
import type { TableName } from './catalogue-indexes.ts'

/** A foreign key. PostgreSQL looks for rows that have the key of a row that is deleted. */
export interface Reference extends TableName {
  /** The table that it refers to. */
  readonly toSchema: string
  readonly toName: string
  readonly columns: string
  /** The index by which the rows are found, if there is one. */
  readonly index: string | null
}

/** The foreign keys to these tables. */
export async function referencesTo(
  session: Session,
  tables: readonly TableName[],
): Promise<readonly Reference[]> {
  if (tables.length === 0) return []
  const schemas = tables.map(({ schema }) => schema)
  const names = tables.map(({ name }) => name)
  return session.execute<Reference>(sql`
    select tn.nspname as "toSchema", t.relname as "toName", n.nspname as schema, r.relname as name,
      (select string_agg(a.attname, ', ' order by k.place)
        from unnest(c.conkey) with ordinality k (number, place)
          join pg_attribute a on a.attrelid = c.conrelid and a.attnum = k.number) as columns,
      (select i.relname
        from pg_index x join pg_class i on i.oid = x.indexrelid
        where x.indrelid = c.conrelid and x.indisvalid and x.indpred is null
          and c.conkey <@ (x.indkey::int2[])[0:cardinality(c.conkey) - 1]
        order by x.indnatts, i.relname limit 1) as index
    from pg_constraint c
      join pg_class t on t.oid = c.confrelid join pg_namespace tn on tn.oid = t.relnamespace
      join pg_class r on r.oid = c.conrelid join pg_namespace n on n.oid = r.relnamespace
    where c.contype = 'f' and c.conparentid = 0
      and (tn.nspname, t.relname) in (select * from unnest(${schemas}::text[], ${names}::text[]))
    order by n.nspname, r.relname, c.conname`)
}
