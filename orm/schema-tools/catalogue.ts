import type { OnDelete } from '../schema/column.ts'
import type { BaseSession } from '../session/session.ts'
import { sql } from '../sql/template.ts'

/** What the database has of the tables and types that a program declares. */
export interface Catalogue {
  readonly tables: readonly ExistingTable[]
  /** The PostgreSQL schemas that exist. */
  readonly namespaces: readonly string[]
  readonly extensions: readonly string[]
  readonly enumerations: readonly ExistingEnumeration[]
  /** The families of declared types, see {@link ExistingColumn.family}. A type that does not exist has none. */
  readonly families: ReadonlyMap<string, string>
}

export interface ExistingTable {
  readonly schema: string
  readonly name: string
  /** False for views and foreign tables, which have no keys. */
  readonly isTable: boolean
  readonly comment: string | null
  readonly columns: readonly ExistingColumn[]
  readonly indexes: readonly ExistingIndex[]
  readonly foreignKeys: readonly ExistingForeignKey[]
  readonly checks: readonly string[]
  /** The names of its constraints. */
  readonly constraints: readonly string[]
}

export interface ExistingColumn {
  readonly name: string
  /** As PostgreSQL writes it, with its modifiers. */
  readonly type: string
  /** Equal for types that hold the same values for a program: every string type is of the family `string`. */
  readonly family: string
  readonly isNullable: boolean
  /** Whether PostgreSQL fills it where an INSERT leaves it out: a default, an identity, a generated column. */
  readonly isFilled: boolean
}

export interface ExistingIndex {
  readonly name: string
  readonly isPrimary: boolean
  readonly isUnique: boolean
  /** Whether it is checked at once, so that a foreign key can refer to it. */
  readonly isImmediate: boolean
  /** Empty where it serves some of the rows, or has expressions. */
  readonly columns: readonly string[]
}

export interface ExistingForeignKey {
  readonly schema: string
  readonly table: string
  readonly columns: readonly string[]
  readonly targetColumns: readonly string[]
  readonly onDelete: OnDelete | 'set default'
}

export interface ExistingEnumeration {
  readonly schema: string
  readonly name: string
  readonly values: readonly string[]
}

/** A table or a type by its name. */
export interface ObjectName {
  readonly schema: string
  readonly name: string
}

/** The schema of tables and types that name none; null where the search path has no schema that exists. */
export async function currentSchemaOf(session: BaseSession): Promise<string | null> {
  const [row] = await session.execute<{ schema: string | null }>(
    sql`select current_schema()::text as schema`,
  )
  return row?.schema ?? null
}

export async function readTypes(
  session: BaseSession,
  enumerations: readonly ObjectName[],
  casts: readonly string[],
): Promise<Omit<Catalogue, 'tables'>> {
  const [row] = await session.execute<{
    namespaces: string[]
    extensions: string[]
    enumerations: ExistingEnumeration[]
    families: [string, string][]
  }>(sql`
    select
      (select json_agg(nspname) from pg_namespace) as namespaces,
      (select coalesce(json_agg(extname), '[]') from pg_extension) as extensions,
      (select coalesce(json_agg(json_build_object('schema', wanted.schema, 'name', wanted.name, 'values',
          (select json_agg(enumlabel order by enumsortorder) from pg_enum where enumtypid = type.oid))), '[]')
        from unnest(${enumerations.map(({ schema }) => schema)}::text[], ${enumerations.map(({ name }) => name)}::text[])
          as wanted(schema, name)
        join pg_namespace namespace on nspname = wanted.schema
        join pg_type type on typnamespace = namespace.oid and typname = wanted.name and typtype = 'e') as enumerations,
      (select coalesce(json_agg(json_build_array(wanted, ${familyOf})), '[]')
        from unnest(${casts}::text[]) as wanted
        join pg_type type on type.oid = to_regtype(wanted)
        ${joinedTypes}) as families`)
  return {
    namespaces: row?.namespaces ?? [],
    extensions: row?.extensions ?? [],
    enumerations: row?.enumerations ?? [],
    families: new Map(row?.families),
  }
}

// A domain is what it is made of. One string type reads and writes as another: text, varchar, char, citext.
const joinedTypes = sql`
  join pg_type base on base.oid = case type.typtype when 'd' then type.typbasetype else type.oid end
  left join pg_type item on item.oid = base.typelem and base.typcategory = 'A'`
const familyOf = sql`
  case when base.typcategory = 'S' then 'string' when item.typcategory = 'S' then 'string[]' else base.oid::regtype::text end`

export async function readTables(
  session: BaseSession,
  wanted: readonly ObjectName[],
): Promise<ExistingTable[]> {
  return session.execute<ExistingTable & Record<string, unknown>>(sql`
    select nspname::text as schema, relname::text as name, relkind in ('r', 'p') as "isTable",
      obj_description(class.oid, 'pg_class') as comment,
      (select coalesce(json_agg(json_build_object('name', attname, 'type', format_type(atttypid, atttypmod),
          'family', ${familyOf}, 'isNullable', not attnotnull,
          'isFilled', atthasdef or attidentity <> '') order by attnum), '[]')
        from pg_attribute join pg_type type on type.oid = atttypid ${joinedTypes}
        where attrelid = class.oid and attnum > 0 and not attisdropped) as columns,
      (select coalesce(json_agg(json_build_object('name', index.relname, 'isPrimary', indisprimary,
          'isUnique', indisunique, 'isImmediate', indimmediate,
          'columns', case when amname = 'btree' and indisvalid and indpred is null and indexprs is null
            then ${columnsOf(sql`indrelid`, sql`indkey[:indnkeyatts - 1]::int2[]`)} else '[]' end)), '[]')
        from pg_index join pg_class index on index.oid = indexrelid join pg_am am on am.oid = index.relam
        where indrelid = class.oid) as indexes,
      (select coalesce(json_agg(json_build_object('schema', nspname, 'table', relname,
          'columns', ${columnsOf(sql`conrelid`, sql`conkey`)}, 'targetColumns', ${columnsOf(sql`confrelid`, sql`confkey`)},
          'onDelete', case confdeltype when 'c' then 'cascade' when 'r' then 'restrict' when 'n' then 'set null'
            when 'd' then 'set default' else 'no action' end)), '[]')
        from pg_constraint
        join pg_class target on target.oid = confrelid join pg_namespace on pg_namespace.oid = target.relnamespace
        where conrelid = class.oid and contype = 'f') as "foreignKeys",
      (select coalesce(json_agg(conname), '[]') from pg_constraint
        where conrelid = class.oid and contype = 'c') as checks,
      (select coalesce(json_agg(conname), '[]') from pg_constraint where conrelid = class.oid) as constraints
    from unnest(${wanted.map(({ schema }) => schema)}::text[], ${wanted.map(({ name }) => name)}::text[])
      as wanted(schema, name)
    join pg_namespace namespace on nspname = wanted.schema
    join pg_class class on relnamespace = namespace.oid and relname = wanted.name
      and relkind in ('r', 'p', 'v', 'm', 'f')`)
}

/** The names of columns by their numbers, in their order. */
function columnsOf(table: ReturnType<typeof sql>, numbers: ReturnType<typeof sql>) {
  return sql`(select json_agg(attname order by place)
    from unnest(${numbers}) with ordinality as key(number, place)
    join pg_attribute on attrelid = ${table} and attnum = number)`
}
