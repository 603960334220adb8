import { safeError } from '../errors.ts'
import type { AnyEntityClass } from '../schema/relation.ts'
import type { BaseSession } from '../session/session.ts'
import { sql } from '../sql/template.ts'
import { listed } from '../util/messages.ts'
import { currentSchemaOf, type ObjectName } from './catalogue.ts'
import { requireSomeTables } from './create-schema.ts'
import { dropTables as dropTablesSql, dropTypes } from './ddl.ts'
import { tableName } from './definition.ts'
import { enumerationsOf } from './declared-types.ts'
import { lockSchema, runStep } from './steps.ts'

/**
 * Drops the tables and then the enum types that nothing else uses, in the transaction of the session.
 * PostgreSQL schemas stay: others may have objects in them.
 */
export async function dropTables(
  session: BaseSession,
  entities: readonly AnyEntityClass[],
): Promise<void> {
  const tables = requireSomeTables(entities, 'dropSchema()')
  await lockSchema(session)
  const currentSchema = (await currentSchemaOf(session)) ?? ''
  const existing = await existingTables(
    session,
    tables.map((table) => tableName(table, currentSchema)),
  )
  if (existing.length > 0) {
    await requireNoDependents(session, existing)
    const what = `drop the tables ${listed(existing.map(({ name }) => name))}`
    // One statement, since the tables may refer to each other.
    await runStep(session, 'dropSchema()', { what, sql: dropTablesSql(existing) })
  }
  const unused = await unusedTypes(
    session,
    enumerationsOf(tables, currentSchema).map(({ type, schema }) => ({ name: type.name, schema })),
  )
  if (unused.length === 0) return
  const what = `drop the enum types ${listed(unused.map(({ name }) => name))}`
  await runStep(session, 'dropSchema()', { what, sql: dropTypes(unused) })
}

/** Without views, which createSchema() does not make. */
function existingTables(
  session: BaseSession,
  wanted: readonly ObjectName[],
): Promise<ObjectName[]> {
  return session.execute<ObjectName & Record<string, unknown>>(sql`
    select nspname::text as schema, relname::text as name from (${tablesNamed(wanted)}) as found`)
}

function tablesNamed(wanted: readonly ObjectName[]) {
  return sql`
    select distinct class.oid, nspname, relname
    from unnest(${wanted.map(({ schema }) => schema)}::text[], ${wanted.map(({ name }) => name)}::text[])
      as wanted(schema, name)
    join pg_namespace namespace on nspname = wanted.schema
    join pg_class class on relnamespace = namespace.oid and relname = wanted.name and relkind in ('r', 'p')`
}

/** PostgreSQL would refuse too; this error names what depends on the tables. */
async function requireNoDependents(
  session: BaseSession,
  tables: readonly ObjectName[],
): Promise<void> {
  const dependents = await session.execute<{ name: string }>(sql`
    with dropped as (${tablesNamed(tables)}), dependents as (
      select 'pg_class'::regclass as class, ev_class as oid from pg_depend join pg_rewrite rule on rule.oid = objid
      where classid = 'pg_rewrite'::regclass and refclassid = 'pg_class'::regclass
        and refobjid in (select oid from dropped) and ev_class not in (select oid from dropped)
      union
      select 'pg_constraint'::regclass, oid from pg_constraint
      where contype = 'f' and conparentid = 0
        and confrelid in (select oid from dropped) and conrelid not in (select oid from dropped)
      union
      select 'pg_class'::regclass, inhrelid from pg_inherits join pg_class child on child.oid = inhrelid
      where not relispartition and inhparent in (select oid from dropped) and inhrelid not in (select oid from dropped)
    )
    select pg_describe_object(class, oid, 0) as name from dependents order by 1`)
  if (dependents.length === 0) return
  throw safeError(
    'DATA_BRIDGE_ERR_STATEMENT',
    `dropSchema() dropped nothing, since other objects depend on the tables: ${listed(dependents.map(({ name }) => name))}. ` +
      'Drop these objects first, or give their entities to dropSchema() too.',
    { sqlState: '2BP01' },
  )
}

/** Those of the types that exist and that no column, domain or function uses. */
function unusedTypes(session: BaseSession, wanted: readonly ObjectName[]): Promise<ObjectName[]> {
  return session.execute<ObjectName & Record<string, unknown>>(sql`
    select nspname::text as schema, typname::text as name
    from unnest(${wanted.map(({ schema }) => schema)}::text[], ${wanted.map(({ name }) => name)}::text[])
      as wanted(schema, name)
    join pg_namespace namespace on nspname = wanted.schema
    join pg_type type on typnamespace = namespace.oid and typname = wanted.name and typtype = 'e'
    where not exists (
      select from pg_depend
      where refclassid = 'pg_type'::regclass and refobjid in (type.oid, type.typarray) and deptype = 'n')`)
}
