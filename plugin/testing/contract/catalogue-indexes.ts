import { type Session, sql } from '../../../orm/index.ts'

export interface TableName {
  readonly schema: string
  readonly name: string
}

/** A table, and one of its indexes if it has any. */
export interface CatalogueIndex {
  readonly table: string
  /** What the table is a partition of, or itself. */
  readonly wholeTable: string
  readonly index: string | null
  /** What the index is a part of, or itself. */
  readonly wholeIndex: string | null
  /** `unique posts using btree (author_id)` */
  readonly definition: string | null
}

/** The valid indexes of these tables. */
export async function indexesOfTables(
  session: Session,
  tables: readonly TableName[],
): Promise<readonly CatalogueIndex[]> {
  const schemas = tables.map(({ schema }) => schema)
  const names = tables.map(({ name }) => name)
  return session.execute<CatalogueIndex>(sql`
    select r.relname as table, wr.relname as "wholeTable", i.relname as index, wi.relname as "wholeIndex",
      case when x.indisunique then 'unique ' else '' end || wr.relname
        || substring(pg_get_indexdef(i.oid) from ' USING .*') as definition
    from pg_class r
      join pg_namespace n on n.oid = r.relnamespace
      join pg_class wr on wr.oid = coalesce(pg_partition_root(r.oid), r.oid)
      left join (pg_index x
        join pg_class i on i.oid = x.indexrelid
        join pg_class wi on wi.oid = coalesce(pg_partition_root(i.oid), i.oid))
        on x.indrelid = r.oid and x.indisvalid
    where (n.nspname, r.relname) in (select * from unnest(${schemas}::text[], ${names}::text[]))
    order by wr.relname, wi.relname`)
}
