import { randomBytes } from 'node:crypto'
import { rm } from 'node:fs/promises'
import pg from 'pg'
import type { TestProject } from 'vitest/node'
import { startPostgres } from '../../plugin/testing/index.ts'
import { afterExit } from './after-exit.ts'
import { makeRamDisk } from './ram-disk.ts'

declare module 'vitest' {
  interface ProvidedContext {
    /** A throwaway database of this run. Tests that write take one of their own, see database.ts. */
    databaseUrl: string
  }
}

// The clusters in it are stopped and removed by their supervisors at the same time.
const removal = 'for try in 1 2 3 4 5 6 7 8 9; do sleep 1; rm -rf "$1" && break; done'

/** One PostgreSQL for the whole run: that of `DATABASE_URL`, or one of its own. */
export default async function setup({ provide }: TestProject): Promise<() => Promise<void>> {
  await using stack = new AsyncDisposableStack() // undoes what was done when a later step fails
  const ramDisk = makeRamDisk()
  if (ramDisk !== undefined) {
    stack.defer(afterExit(removal, ramDisk))
    stack.defer(() => rm(ramDisk, { recursive: true, force: true }))
    process.env['TMPDIR'] = ramDisk
  }
  const given = process.env['DATABASE_URL']
  const server = given || stack.use(await startPostgres()).url
  if (!given) await asServer(server, shortenPasswordChecks)
  const name = `data_bridge_test_${randomBytes(6).toString('hex')}`
  await asServer(server, (client) => createDatabase(client, name))
  stack.defer(() => asServer(server, (client) => dropDatabases(client, name)))
  const url = new URL(server)
  url.pathname = `/${name}`
  provide('databaseUrl', url.href)
  const kept = stack.move()
  return () => kept.disposeAsync()
}

/** Thousands of rounds for the password of each connection protect nothing here, and the tests make many connections. */
async function shortenPasswordChecks(client: pg.Client): Promise<void> {
  await client.query('set scram_iterations = 1')
  await client.query(
    `alter role current_user password ${client.escapeLiteral(client.password ?? '')}`,
  )
}

async function createDatabase(client: pg.Client, name: string): Promise<void> {
  await client.query(`create database ${name} template template0`).catch((error: Error) => {
    throw new Error(
      `The tests make databases of their own where DATABASE_URL points: ${error.message}. Grant its ` +
        'role CREATEDB, or leave DATABASE_URL unset, which starts a PostgreSQL.',
      { cause: error },
    )
  })
}

// The databases of test files that were ended before they could tidy up have names that begin with it.
async function dropDatabases(client: pg.Client, name: string): Promise<void> {
  const { rows } = await client.query<{ datname: string }>(
    'select datname from pg_database where starts_with(datname, $1)',
    [name],
  )
  for (const { datname } of rows) await client.query(`drop database ${datname} with (force)`)
}

async function asServer(url: string, work: (client: pg.Client) => Promise<unknown>): Promise<void> {
  const client = new pg.Client(url)
  await client.connect()
  try {
    await work(client)
  } finally {
    await client.end()
  }
}
