import { randomBytes } from 'node:crypto'
import { setTimeout } from 'node:timers/promises'
import pg from 'pg'
import { afterAll, inject } from 'vitest'
import { type AnyEntityClass, Database, type DatabaseOptions } from '../../orm/index.ts'

/** A database for one test file alone. */
export interface TestDatabase {
  readonly url: string
  /** On that database, with the tables created. */
  readonly database: Database
  /** Asks the server directly, on a connection of its own: what is really stored. */
  query<R extends object = Record<string, unknown>>(
    text: string,
    parameters?: readonly unknown[],
  ): Promise<R[]>
  /** Empties the tables and begins their identities anew. */
  truncate(): Promise<void>
  /** Drops the database. Called after the file's tests; may be called earlier. */
  close(): Promise<void>
}

/**
 * Makes a database for a test file: `const { database, query } = await testDatabase([User, Post])`.
 *
 * A database and not a schema: pools need no search path, and `pg_stat_activity` tells its sessions
 * from those of other files.
 */
export async function testDatabase(
  tables: readonly AnyEntityClass[] = [],
  settings: Omit<DatabaseOptions, 'connectionString' | 'pool' | 'tables'> = {},
): Promise<TestDatabase> {
  const run = new URL(inject('databaseUrl'))
  const name = `${run.pathname.slice(1)}_${randomBytes(4).toString('hex')}`
  await once(run.href, `create database ${name} template template0`)
  const url = new URL(run)
  url.pathname = `/${name}`
  const database = new Database({ max: 5, ...settings, connectionString: url.href, tables })
  // One connection: pg's pool runs its queries one after the other.
  const direct = new pg.Pool({ connectionString: url.href, max: 1, application_name: 'direct' })
  direct.on('error', () => {})

  const query: TestDatabase['query'] = async (text, parameters = []) => {
    const { rows } = await direct.query(text, [...parameters])
    return rows
  }

  let closing: Promise<void> | undefined
  const close = (): Promise<void> => {
    closing ??= (async () => {
      await database.close()
      await direct.end()
      await drop(run.href, name)
    })()
    return closing
  }
  afterAll(close)

  if (tables.length > 0) await database.createSchema()
  return { url: url.href, database, query, truncate: () => truncate(query), close }
}

// One statement, so that foreign keys are checked when all is gone; TRUNCATE takes thirty times as long.
async function truncate(query: TestDatabase['query']): Promise<void> {
  const [row] = await query<{ deletes: string | null; restarts: string | null }>(
    `select
       (select string_agg(format('%1$I as (delete from %1$I)', tablename), ', ')
        from pg_tables where schemaname = 'public') as deletes,
       (select string_agg(format('setval(%L, %s, false)', quote_ident(sequencename), start_value), ', ')
        from pg_sequences where schemaname = 'public') as restarts`,
  )
  const { deletes = null, restarts = null } = row ?? {}
  if (deletes !== null) await query(`with ${deletes} select ${restarts ?? ''}`)
}

/** A connection of its own, for what has to happen beside a session: locks, other transactions. */
export async function connect(url: string): Promise<pg.Client & AsyncDisposable> {
  const client = new pg.Client(url)
  client.on('error', () => {})
  await client.connect()
  return Object.assign(client, { [Symbol.asyncDispose]: () => client.end() })
}

/**
 * `pg` says that a pool has ended before its connections are closed. One that is terminated then has
 * nobody to tell, and ends the process: so they are waited for, and only what stays is forced.
 */
async function drop(url: string, name: string): Promise<void> {
  await using client = await connect(url)
  for (let attempt = 0; attempt < 50; attempt += 1) {
    const { rows } = await client.query('select from pg_stat_activity where datname = $1', [name])
    if (rows.length === 0) break
    await setTimeout(20)
  }
  await client.query(`drop database ${name} with (force)`)
}

async function once(url: string, text: string): Promise<void> {
  await using client = await connect(url)
  await client.query(text)
}
