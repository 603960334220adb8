import type { TableMetadata } from '../schema/metadata.ts'
import { arrayLiteral } from '../schema/types/array-text.ts'
import { quoteTable } from './identifier.ts'
import type {
  CatalogueEntry,
  ColumnFacts,
  ForeignKeyFacts,
  TableKind,
  UniqueFacts,
} from './table-facts.ts'

type Row = readonly (string | null)[]
type ColumnRow = readonly [
  name: string,
  type: string,
  arrayType: string | null,
  typtype: string,
  isDomain: boolean,
  modified: string | null,
  generated: string,
  identity: string,
  made: string | null,
  isNotNull: boolean,
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
    rows.map(([place, kind, columns, constraints, partitions, uniques, foreignKeys]) => [
      tables[Number(place) - 1] as TableMetadata,
      {
        ...(JSON.parse(kind ?? '{}') as TableKind),
        columns: new Map((JSON.parse(columns ?? '[]') as ColumnRow[]).map(columnFacts)),
        constraints: new Map(JSON.parse(constraints ?? '[]') as [string, string[]][]),
        partitions: new Set(JSON.parse(partitions ?? '[]') as string[]),
        uniques: JSON.parse(uniques ?? '[]') as UniqueFacts[],
        foreignKeys: JSON.parse(foreignKeys ?? '[]') as ForeignKeyFacts[],
      },
    ]),
  )
}

function columnFacts(row: ColumnRow): [string, ColumnFacts] {
  const [name, type, arrayType, typtype, isDomain, modified, generated, identity, made, isNotNull] =
    row
  const facts = {
    type,
    arrayType,
    isEnum: typtype === 'e',
    isDomain,
    modified,
    isGenerated: generated !== '',
    isAlwaysIdentity: identity === 'a',
    made,
    isNotNull,
  }
  return [name, facts]
}

// `family` is a table with its partitions and children, whose triggers work on its rows too. A type is that
// under its domains, and without its modifier: a cast to character(3) would cut, one to a domain refuse NULL. The arrays
// of a few types, such as box, have other separators than commas: these travel as texts.
/** The names of the columns with these numbers. */
const namesOf = (table: string, numbers: string): string => `(
        select json_agg(attname order by place)
        from unnest(${numbers}) with ordinality as key (no, place)
        join pg_attribute on attrelid = ${table} and attnum = no)`

// What the database makes where an INSERT leaves the column out. An INSERT may use the sequence of an identity without
// a privilege for it; who asks for the next value needs one.
const made = `
      case when (attidentity <> '' or adbin is not null) and has_column_privilege(attrelid, attnum, 'INSERT') then
        case when adbin is not null then pg_get_expr(adbin, adrelid)
          when has_sequence_privilege(sequence.name, 'USAGE') or has_sequence_privilege(sequence.name, 'UPDATE')
          then format('nextval(%L::regclass)', sequence.name) end
      end`

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
  (
    select json_build_object(
      'oid', class.oid::text,
      'isStored', is_stored,
      'isPlain', is_stored and not has_triggers,
      'isPartitioned', class.relkind = 'p',
      'hasXmin', is_table,
      'keepsKeys', is_stored and not may_change_keys,
      'mayLock', is_stored and has_any_column_privilege(class.oid, 'UPDATE')
    )
    from (
      select
        is_table and not exists (
          select from family join pg_rewrite on ev_class = family.oid
          where family.place = wanted.place and ev_type <> '1') as is_stored,
        count(tgtype) > 0 as has_triggers,
        -- for each row (1), before (2), insert (4)
        coalesce(bool_or(tgtype & 7 = 7), false) as may_change_keys
      from family left join pg_trigger on tgrelid = family.oid and not tgisinternal
      where family.place = wanted.place
    ) as kind
  ),
  (
    select json_agg(json_build_array(
      attname, format_type(base.oid, -1), format_type(case base.typdelim when ',' then nullif(base.typarray, 0) end, -1), base.typtype,
      base.depth > 0, case when atttypmod <> -1 then format_type(atttypid, atttypmod) end, attgenerated, attidentity, ${made}, attnotnull))
    from pg_attribute
    left join pg_attrdef on adrelid = attrelid and adnum = attnum and attgenerated = ''
    left join lateral (
      select pg_get_serial_sequence(class.oid::regclass::text, attname) as name
      where attidentity <> ''
    ) as sequence on true
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
  ),
  (
    select json_agg(json_build_object(
      'columns', case when indexprs is null then keys.names else used.names end,
      'others', coalesce(used.names, '[]'::json),
      'hasExpressions', indexprs is not null,
      'areNullsEqual', coalesce((to_jsonb(pg_index) ->> 'indnullsnotdistinct')::boolean, false),
      'isExclusion', indisexclusion,
      'isImmediate', indimmediate
    ))
    from pg_index
    cross join lateral (
      select json_agg(attname order by place) as names
      from unnest(indkey::int2[]) with ordinality as key (no, place)
      join pg_attribute on attrelid = indrelid and attnum = no
      where place <= indnkeyatts
    ) as keys
    cross join lateral (
      select json_agg(attname) as names
      from pg_attribute
      where attrelid = indrelid and (
        indisexclusion and attnum = any(indkey::int2[])
        or (indexprs is not null or indpred is not null) and exists (
          select from pg_depend
          where classid = 'pg_class'::regclass and objid = indexrelid
            and refclassid = 'pg_class'::regclass and refobjid = indrelid and refobjsubid = attnum and attnum > 0))
    ) as used
    where indrelid = class.oid and (indisunique or indisexclusion) and (indexprs is null or used.names is not null)
  ),
  (
    select json_agg(json_build_object(
      'columns', ${namesOf('conrelid', 'conkey')},
      'target', confrelid::text,
      'targetColumns', ${namesOf('confrelid', 'confkey')},
      'onDelete', confdeltype,
      'setColumns', ${namesOf('conrelid', "(select array_agg(no::int2) from jsonb_array_elements_text(nullif(to_jsonb(pg_constraint) -> 'confdelsetcols', 'null')) as no)")}
    ))
    from pg_constraint
    where conrelid = class.oid and contype = 'f'
  )
from wanted join pg_class class on class.oid = wanted.oid
cross join lateral (
  select class.relkind in ('r', 'p') and not exists (
    select from family join pg_class member on member.oid = family.oid
    where family.place = wanted.place and member.relkind = 'f') as is_table
) as tables`
