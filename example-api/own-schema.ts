import { type Database, DataBridgeError, type Session, sql } from 'fastify-data-bridge/orm'
import { Problem } from './problem.ts'

/** The comment on the example's schema. It identifies the schema as the example's own. */
const mark = 'Made by the example API of fastify-data-bridge.'

/** Returns a URL whose connections use only this schema. */
export function urlWithin(schema: string, databaseUrl: string): string {
  if (!URL.canParse(databaseUrl)) {
    throw new Problem(
      'DATABASE_URL expected a URL such as postgresql://user@localhost:5432/mydb, got another text.',
    )
  }
  const url = new URL(databaseUrl)
  // `pg` prefers the URL to its other settings. If there are two search paths, the last one wins.
  const given = url.searchParams.get('options') ?? process.env.PGOPTIONS ?? ''
  url.searchParams.set('options', `${given} -c search_path=${schema}`.trim())
  return url.href
}

/** Creates the schema if it is missing. Refuses a schema that something else created. */
export async function claimSchema(database: Database, schema: string): Promise<void> {
  await database.transaction(async (session) => {
    // Two processes may start at once.
    await session.execute(sql`select pg_advisory_xact_lock(hashtext(${schema}))`)
    const [existing] = await session.execute<{ comment: string | null }>(sql`
      select obj_description(oid, 'pg_namespace') as comment
      from pg_namespace where nspname = ${schema}`)
    if (existing === undefined) {
      await createSchema(session, schema)
    } else if (existing.comment !== mark) {
      throw new Problem(
        `The database already has a schema ${schema} that this example did not create. Nothing was ` +
          'changed. Rename that schema, or set DATABASE_URL to another database.',
      )
    }
    const [current] = await session.execute<{ schema: string | null }>(
      sql`select current_schema() as schema`,
    )
    if (current?.schema === schema) return
    throw new Problem(
      `Connections expected the schema ${schema}, got ${current?.schema ?? 'none'}: something between the ` +
        'example and PostgreSQL, perhaps a pooler, ignores the option search_path. Nothing was created. ' +
        'Set DATABASE_URL to the server itself.',
    )
  })
}

async function createSchema(session: Session, schema: string): Promise<void> {
  await session.execute(withNames(schema))
  const made = session.execute(sql`
    do $$ begin
      execute format('create schema %I', current_setting('example_api.schema'));
      execute format('comment on schema %I is %L',
        current_setting('example_api.schema'), current_setting('example_api.mark'));
    end $$`)
  await made.catch((error: unknown) => {
    const isDenied = error instanceof DataBridgeError && error.sqlState === '42501'
    if (!isDenied) throw error
    throw new Problem(
      'The role of DATABASE_URL may not create a schema in its database, and the example needs its own ' +
        'schema. Grant the role CREATE on the database, or unset DATABASE_URL to start a PostgreSQL.',
      { cause: error },
    )
  })
}

export async function dropSchema(database: Database, schema: string): Promise<void> {
  await database.transaction(async (session) => {
    await session.execute(withNames(schema))
    await session.execute(sql`
      do $$ begin
        execute format('drop schema %I cascade', current_setting('example_api.schema'));
      end $$`)
  })
}

/** DDL takes no parameters. So the names are settings of the transaction, and `format` quotes them. */
function withNames(schema: string) {
  return sql`
    select set_config('example_api.schema', ${schema}, true),
      set_config('example_api.mark', ${mark}, true)`
}
