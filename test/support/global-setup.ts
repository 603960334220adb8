import { randomBytes } from 'node:crypto'
import { rm } from 'node:fs/promises'
import pg from 'pg'
import type { TestProject } from 'vitest/node'
import { startPostgres } from '../../plugin/testing/index.ts'
import { makeRamDisk } from './ram-disk.ts'

declare module 'vitest' {
  interface ProvidedContext {
    /** A throwaway database of this run. Tests that write take one of their own, see database.ts. */
    databaseUrl: string
  }
}

/** One PostgreSQL for the whole run: that of `DATABASE_URL`, or one of its own. */
export default async function setup({ provide }: TestProject): Promise<() => Promise<void>> {
  const ramDisk = makeRamDisk()
  if (ramDisk !== undefined) process.env['TMPDIR'] = ramDisk
  const given = process.env['DATABASE_URL'] ?? ''
  const postgres = given === '' ? await startPostgres() : undefined
  const server = postgres?.url ?? given
  const name = `data_bridge_test_${randomBytes(6).toString('hex')}`
  await asServer(server, (client) => client.query(`create database ${name} template template0`))
  const url = new URL(server)
  url.pathname = `/${name}`
  provide('databaseUrl', url.href)
  return async () => {
    try {
      await asServer(server, (client) => dropDatabases(client, name))
    } finally {
      await postgres?.stop()
      if (ramDisk !== undefined) await rm(ramDisk, { recursive: true, force: true })
    }
  }
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
