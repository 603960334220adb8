import type { TableMetadata } from '../schema/metadata.ts'
import { arrayLiteral } from '../schema/types/array-text.ts'
import { quoteTable } from './identifier.ts'
import type { CatalogueEntry, ColumnFacts } from './table-facts.ts'

type Row = readonly (string | null)[]
type ColumnRow = readonly [
  name: string,
  type: string,
  arrayType: string | null,
  typtype: string,
  isDomain: boolean,
  modifier: number,
  generated: string,
]

/** Asks the catalogue of PostgreSQL for several tables; those that it does not know are left out. */
export function factQuery(tables: readonly TableMetadata[]): {
  readonly text: string
  readonly parameters: readonly string[]
} {
  return { text, parameters: [arrayLiteral(tables.map(quoteTable))] }
}

/** The answer to {@link factQuery}. */
export function readFacts(
  tables: readonly TableMetadata[],
  rows: readonly Row[],
): ReadonlyMap<TableMetadata, CatalogueEntry> {
  return new Map(
    rows.map(([place, isPlain, kind, hasForeign, columns, constraints, partitions]) => [
      tables[Number(place) - 1] as TableMetadata,
      {
        isPlain: isPlain === 't',
        isPartitioned: kind === 'p',
        hasXmin: (kind === 'r' || kind === 'p') && hasForeign === 'f',
        columns: new Map((JSON.parse(columns ?? '[]') as ColumnRow[]).map(columnFacts)),
        constraints: new Map(JSON.parse(constraints ?? '[]') as [string, string[]][]),
        partitions: new Set(JSON.parse(partitions ?? '[]') as string[]),
      },
    ]),
  )
}

function columnFacts(row: ColumnRow): [string, ColumnFacts] {
  const [name, type, arrayType, typtype, isDomain, modifier, generated] = row
  const facts = {
    type,
    arrayType,
    isEnum: typtype === 'e',
    isDomain,
    isModified: modifier !== -1,
    isGenerated: generated !== '',
  }
  return [name, facts]
}

// `family` is a table with its partitions and children, whose triggers work on its rows too. A type is that
// under its domains, and without its modifier: a cast to character(3) would cut, one to a domain refuse NULL. The arrays
// of a few types, such as box, have other separators than commas: these travel as texts.
const text = `
with recursive wanted as (
  select place, to_regclass(name)::oid as oid
  from unnest($1::text[]) with ordinality as given (name, place)
), family as (
  select place, oid from wanted where oid is not null
  union
  select family.place, inhrelid from family join pg_inherits on inhparent = family.oid
)
select
  wanted.place,
  class.relkind in ('r', 'p')
    and not foreign_rows.exist
    and not exists (
      select from family join pg_trigger on tgrelid = family.oid
      where family.place = wanted.place and not tgisinternal)
    and not exists (
      select from family join pg_rewrite on ev_class = family.oid
      where family.place = wanted.place and ev_type <> '1'),
  class.relkind,
  foreign_rows.exist,
  (
    select json_agg(json_build_array(
      attname, format_type(base.oid, -1), format_type(case base.typdelim when ',' then nullif(base.typarray, 0) end, -1), base.typtype,
      base.depth > 0, atttypmod, attgenerated))
    from pg_attribute
    cross join lateral (
      with recursive chain as (
        select oid, typarray, typdelim, typtype, typbasetype, 0 as depth from pg_type where oid = atttypid
        union all
        select type.oid, type.typarray, type.typdelim, type.typtype, type.typbasetype, depth + 1
        from chain join pg_type type on type.oid = chain.typbasetype
        where chain.typtype = 'd'
      )
      select * from chain order by depth desc limit 1
    ) as base
    where attrelid = class.oid and attnum > 0 and not attisdropped
  ),
  (
    select json_agg(json_build_array(name, columns)) from (
      select conname as name, (
        select json_agg(attname order by place)
        from unnest(conkey) with ordinality as key (no, place)
        join pg_attribute on attrelid = conrelid and attnum = no
      ) as columns
      from pg_constraint
      where conrelid = class.oid and contype in ('p', 'u', 'x', 'f', 'c') and not 0 = any(conkey)
      union all
      select relname, (
        select json_agg(attname order by place)
        from unnest(indkey::int2[]) with ordinality as key (no, place)
        join pg_attribute on attrelid = indrelid and attnum = no
        where place <= indnkeyatts
      )
      from pg_index join pg_class on pg_class.oid = indexrelid
      where indrelid = class.oid and indisunique and indexprs is null
      union all
      select relname, (
        select json_agg(distinct attname)
        from pg_depend join pg_attribute on attrelid = indrelid and attnum = refobjsubid
        where classid = 'pg_class'::regclass and objid = indexrelid
          and refclassid = 'pg_class'::regclass and refobjid = indrelid and refobjsubid > 0
      )
      from pg_index join pg_class on pg_class.oid = indexrelid
      where indrelid = class.oid and indisunique and indexprs is not null and indpred is null
        and indnkeyatts = indnatts
    ) as known
    where columns is not null
  ),
  (
    select json_agg(relname)
    from family join pg_class on pg_class.oid = family.oid
    where family.place = wanted.place and relispartition
  )
from wanted join pg_class class on class.oid = wanted.oid
cross join lateral (
  select exists (
    select from family join pg_class member on member.oid = family.oid
    where family.place = wanted.place and member.relkind = 'f') as exist
) as foreign_rows`
