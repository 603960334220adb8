import { randomBytes } from 'node:crypto'
import pg from 'pg'
import { afterAll, expect } from 'vitest'
import { Database, type PoolUsage } from '../../../../orm/index.ts'
import { testDatabase, type TestDatabase } from '../../../support/database.ts'
import { blog } from '../../../support/entities.ts'
import { ProtocolProxy } from '../../../support/protocol-proxy.ts'
import type { Rows, Seed } from './jobs.ts'

/** A database with the blog, in which a name that is taken is refused at COMMIT. */
export async function faultDatabase(): Promise<TestDatabase> {
  const stored = await testDatabase(blog)
  await stored.query('alter table users add unique (name) deferrable initially deferred')
  await stored.query('create index on posts (author_id)')
  // Many stages look at once: on a single connection they would mostly wait for each other.
  const direct = new pg.Pool({ connectionString: stored.url, max: 3, application_name: 'direct' })
  direct.on('error', () => {})
  afterAll(() => direct.end())
  const query: TestDatabase['query'] = async (text, parameters = []) =>
    (await direct.query(text, [...parameters])).rows
  return { ...stored, query }
}

/** A database behind a proxy of its own. */
export interface Stage extends AsyncDisposable {
  /** The `application_name` of its connections. */
  readonly name: string
  readonly proxy: ProtocolProxy
  readonly query: TestDatabase['query']
  readonly usage: () => Promise<PoolUsage> | PoolUsage
}

interface Opened extends AsyncDisposable {
  readonly usage: Stage['usage']
}

/** A stage whose sessions are in this process. */
export interface DatabaseStage extends Stage {
  readonly database: Database
}

/** @param open makes what uses the database, by its URL and with the `application_name` of the stage */
export async function openStage<T extends Opened>(
  stored: TestDatabase,
  open: (url: string, name: string) => Promise<T> | T,
): Promise<Stage & T> {
  const proxy = await ProtocolProxy.to(stored.url)
  const name = `stage ${randomBytes(4).toString('hex')}`
  const opened = await open(proxy.url, name)
  return {
    ...opened,
    name,
    proxy,
    query: stored.query,
    async [Symbol.asyncDispose]() {
      await opened[Symbol.asyncDispose]()
      await proxy[Symbol.asyncDispose]()
    },
  }
}

/** Stages of a test file, which are closed after its tests. */
export async function openStages<T extends Opened>(
  count: number,
  open: () => Promise<Stage & T>,
): Promise<readonly (Stage & T)[]> {
  const stages = await Promise.all(Array.from({ length: count }, open))
  afterAll(async () => {
    for (const stage of stages) await stage[Symbol.asyncDispose]()
  })
  return stages
}

/** Stages with a database each. */
export function openDatabases(
  count: number,
  stored: TestDatabase,
): Promise<readonly DatabaseStage[]> {
  return openStages(count, () =>
    openStage(stored, (connectionString, application_name) =>
      opened(new Database({ connectionString, application_name, max: 2 })),
    ),
  )
}

export function opened(database: Database): Opened & { readonly database: Database } {
  return {
    database,
    usage: () => database.usage,
    [Symbol.asyncDispose]: () => database.close(),
  }
}

/** Waits until PostgreSQL has done all that has come through, and has undone what will not be committed. */
export async function settled({ name, proxy, usage, query }: Stage): Promise<void> {
  const backends = `
    select state, query from pg_stat_activity
    where datname = current_database() and application_name = $1`
  await expect
    .poll(async () => {
      const states = await query<{ state: string }>(backends, [name])
      const busy = states.filter(({ state }) => state !== 'idle')
      const { length } = proxy.open
      const { total } = await usage()
      return { backends: states.length - length, connections: total - length, busy }
    })
    .toEqual({ backends: 0, connections: 0, busy: [] })
}

let seeds = 0

export async function seed(query: TestDatabase['query']): Promise<Seed> {
  seeds += 1
  const name = `u${seeds}`
  const rows = await query<{ id: number; userId: number }>(
    `with author as (insert into users (name, email) values ($1, $1) returning id)
     insert into posts (title, likes, author_id)
     select title, 0, author.id from author, unnest(array['kept', 'doomed']) as title
     returning id, author_id as "userId"`,
    [name],
  )
  const [kept, doomed] = rows
  if (kept === undefined || doomed === undefined) throw new Error('expected two posts')
  return { name, userId: kept.userId, keptId: kept.id, doomedId: doomed.id }
}

/** What is stored of a job. */
export async function stored(query: TestDatabase['query'], { name }: Seed): Promise<Rows> {
  const rows = await query<{ row: string }>(
    `select u.name || coalesce('/' || p.title || '=' || p.likes, '') as row
     from users u left join posts p on p.author_id = u.id where u.name in ($1, $2)`,
    [name, `${name}+`],
  )
  return rows.map(({ row }) => row).toSorted()
}
