import { DataBridgeError, describe } from '../errors.ts'
import { createTable, foreignKeys } from './ddl.ts'
import { type TableMetadata } from '../schema/metadata.ts'
import { tableOf } from '../schema/table-of.ts'
import type { AnyEntityClass } from '../schema/relation.ts'
import type { BaseSession } from '../session/session.ts'
import { Sql, sql } from '../sql/template.ts'

// Two processes that start at the same time must not create the same table; any number serves that both know.
const lockKey = 4_206_942_001

/** Creates what is missing of the tables, their foreign keys and indexes, in one transaction. */
export async function createTables(
  session: BaseSession,
  entities: readonly AnyEntityClass[],
): Promise<void> {
  const tables = requireTables(entities, 'createSchema()')
  if (tables.length === 0) {
    throw new DataBridgeError(
      'DATA_BRIDGE_ERR_OPTION',
      'createSchema() expected entity classes; came none: give them to it, or to the database as the option tables',
    )
  }
  const keys = tables.flatMap((table) => foreignKeys(table).map((key) => ({ table, ...key })))
  await session.execute(sql`select pg_advisory_xact_lock(${lockKey})`)
  const existing = await existingForeignKeys(session)
  for (const table of tables) await session.execute(raw(createTable(table)))
  for (const { table, constraint, create, createIndex } of keys) {
    if (!existing.has(`${table.name}.${constraint}`)) await session.execute(raw(create))
    await session.execute(raw(createIndex))
  }
}

/** The tables of entity classes; refuses what is none. */
export function requireTables(entities: unknown, where: string): TableMetadata[] {
  if (Array.isArray(entities)) return entities.map((entity) => tableOf(entity))
  throw new DataBridgeError(
    'DATA_BRIDGE_ERR_OPTION',
    `${where} expected an array of entity classes; came ${describe(entities)}`,
  )
}

async function existingForeignKeys(session: BaseSession): Promise<ReadonlySet<string>> {
  const rows = await session.execute<{ table: string; name: string }>(sql`
    select class.relname as table, con.conname as name
    from pg_constraint con join pg_class class on class.oid = con.conrelid
    where con.contype = 'f' and con.connamespace = quote_ident(current_schema())::regnamespace`)
  return new Set(rows.map(({ table, name }) => `${table}.${name}`))
}

// DDL takes no parameters. What comes here is made of declared names, all of them quoted.
function raw(text: string): Sql {
  return new Sql([text], [])
}
