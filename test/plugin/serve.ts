import type { ServerOptions } from 'node:http'
import { Writable } from 'node:stream'
import Fastify, { type FastifyInstance, type FastifyServerOptions } from 'fastify'
import { afterEach, expect } from 'vitest'
import type { Database } from '../../orm/index.ts'
import dataBridge, { type DataBridgeOptions } from '../../plugin/index.ts'
import { connect, type TestDatabase } from '../support/database.ts'

/** A line of pino. */
export interface LogLine {
  readonly level: number
  readonly msg: string
  readonly err?: { readonly [property: string]: unknown; readonly stack: string }
}

/** An application that listens on a socket. */
export interface Served extends AsyncDisposable {
  readonly app: FastifyInstance
  readonly port: number
  /** What was logged so far. */
  readonly logs: readonly LogLine[]
  fetch(path: string, init?: RequestInit): Promise<Response>
}

type Settings = FastifyServerOptions & {
  readonly http?: ServerOptions
  readonly isHttp2?: boolean
}

/** Serves routes on a real socket. The plugin is registered without `await`, as in the README. */
export async function serve(
  options: DataBridgeOptions,
  routes: (app: FastifyInstance) => void,
  { isHttp2 = false, ...settings }: Settings = {},
): Promise<Served> {
  const logs: LogLine[] = []
  const logger = { level: 'info', stream: collect(logs) }
  // Routes are the same over HTTP/2; its types are others.
  const protocol: FastifyServerOptions = isHttp2 ? ({ http2: true } as object) : {}
  const app = Fastify({ ...settings, ...protocol, logger })
  app.register(dataBridge, options)
  routes(app)
  const url = await app.listen({ host: '127.0.0.1', port: 0 })
  return {
    app,
    port: Number(new URL(url).port),
    logs,
    fetch: (path, init) => fetch(`${url}${path}`, { redirect: 'manual', ...init }),
    [Symbol.asyncDispose]: () => app.close(),
  }
}

function collect(logs: LogLine[]): Writable {
  return new Writable({
    write(line: Buffer, _encoding, done) {
      logs.push(JSON.parse(line.toString()) as LogLine)
      done()
    },
  })
}

/** Resolves when every connection is back in the pool, and PostgreSQL sees no transaction that was left open. */
export async function expectIdle(database: Database, query: TestDatabase['query']): Promise<void> {
  await expect.poll(() => database.usage.total - database.usage.idle).toBe(0)
  expect(database.usage.waiting).toBe(0)
  const open = `
    select query, state from pg_stat_activity
    where datname = current_database() and state like 'idle in transaction%'`
  await expect.poll(() => query(open)).toEqual([])
}

/** After each test of the file, {@link expectIdle}. */
export function watchForLeaks({ database, query }: Pick<TestDatabase, 'database' | 'query'>): void {
  afterEach(() => expectIdle(database, query))
}

/** An advisory lock that someone else holds until it is disposed of. */
export async function holdLock(url: string, key: number): Promise<AsyncDisposable> {
  const client = await connect(url)
  await client.query('select pg_advisory_lock($1)', [key])
  return client
}

/** A COMMIT that has inserted the user of this name waits for {@link holdLock} from now on. */
export async function holdCommits(
  query: TestDatabase['query'],
  key: number,
  name = 'held',
): Promise<void> {
  await query(`
    create function hold() returns trigger language plpgsql as $$
      begin perform pg_advisory_xact_lock(${key}); return null; end $$`)
  await query(`
    create constraint trigger hold after insert on users deferrable initially deferred
    for each row when (new.name = '${name}') execute function hold()`)
}

/** Resolves when a statement that begins like this waits for a lock. */
export async function untilBlocked(query: TestDatabase['query'], start: string): Promise<void> {
  await expect
    .poll(() =>
      query(
        `select query from pg_stat_activity where datname = current_database()
         and wait_event_type = 'Lock' and starts_with(lower(query), $1)`,
        [start],
      ),
    )
    .toHaveLength(1)
}

/** The server's processes for the connections of this `application_name`: equal if all of them were kept. */
export function backendsOf(query: TestDatabase['query'], name: string): Promise<object[]> {
  return query(
    `select pid from pg_stat_activity where datname = current_database() and application_name = $1
     order by pid`,
    [name],
  )
}

/** The names of the stored users. */
export async function names(query: TestDatabase['query']): Promise<string[]> {
  const rows = await query<{ name: string }>('select name from users order by name')
  return rows.map(({ name }) => name)
}
