import { expect, it } from 'vitest'
import { Database, integer, sql, table, timestamptz } from '../../orm/index.ts'
import { expectIdle, holdLock, serve, untilBlocked } from '../plugin/serve.ts'
import { connect, testDatabase } from '../support/database.ts'
import { coded, failure } from '../support/failure.ts'
import { startPgBouncer } from './start-pgbouncer.ts'

class Visit extends table('visits', {
  id: integer().primaryKey().generated(),
  at: timestamptz(),
}) {}

const { query, url } = await testDatabase([Visit])
const name = new URL(url).pathname.slice(1)

const waitForLock = sql`select pg_advisory_xact_lock(7)`

it('dates are read in ISO format, whatever other clients set', async () => {
  await query(`insert into visits (at) values ('2026-11-02 12:30:00+00')`)
  await using bouncer = await startPgBouncer(url, { default_pool_size: 1 })
  await using database = new Database({ connectionString: bouncer.url })
  await using other = await connect(bouncer.url)
  for (let turn = 0; turn < 3; turn += 1) {
    await other.query(`set datestyle = 'SQL, DMY'`)
    const visit = await database.run((session) => session.get(Visit, 1))
    expect(visit?.at).toEqual(new Date('2026-11-02T12:30:00Z'))
  }
})

it('a startup parameter that PgBouncer does not know is named by the error', async () => {
  await using bouncer = await startPgBouncer(url)
  await using database = new Database({
    connectionString: bouncer.url,
    options: '-c search_path=app',
  })
  await expect(database.run((session) => session.execute(sql`select 1`))).rejects.toThrow(
    coded('DATA_BRIDGE_ERR_UNREACHABLE', 'unsupported startup parameter'),
  )
})

it('more clients than PgBouncer allows are told so', async () => {
  await using bouncer = await startPgBouncer(url, { max_client_conn: 1 })
  await using first = new Database({ connectionString: bouncer.url })
  await using second = new Database({ connectionString: bouncer.url })
  await first.run((session) => session.execute(sql`select 1`))
  await expect(second.run((session) => session.execute(sql`select 1`))).rejects.toThrow(
    coded('DATA_BRIDGE_ERR_POOL_EXHAUSTED', 'max_client_conn'),
  )
})

it('PgBouncer hangs up on a client that waits too long: a lost connection, and the next one works', async () => {
  await using bouncer = await startPgBouncer(url, { default_pool_size: 1, query_wait_timeout: 1 })
  await using database = new Database({ connectionString: bouncer.url })
  const count = (): Promise<number> => database.run((session) => session.find(Visit).count())
  await Promise.all([count(), count()]) // opens two connections
  await using lock = await holdLock(url, 7)
  const holding = database.run((session) => session.execute(waitForLock))
  await untilBlocked(query, 'select pg_advisory_xact_lock')

  await failure('DATA_BRIDGE_ERR_CONNECTION_LOST', count())

  await lock[Symbol.asyncDispose]()
  await holding
  expect(await count()).toBe(1)
  await expectIdle(database, query)
})

it('a server process that ends within a statement is a lost connection, and the next one works', async () => {
  await using bouncer = await startPgBouncer(url)
  await using database = new Database({ connectionString: bouncer.url })
  await using _lock = await holdLock(url, 7)
  const lost = failure(
    'DATA_BRIDGE_ERR_CONNECTION_LOST',
    database.run((session) => session.execute(waitForLock)),
  )
  await untilBlocked(query, 'select pg_advisory_xact_lock')

  await query(`
    select pg_terminate_backend(pid) from pg_stat_activity
    where datname = current_database() and wait_event_type = 'Lock'`)

  await lost
  expect(await database.run((session) => session.find(Visit).count())).toBe(1)
  await expectIdle(database, query)
})

it('connections that PgBouncer closed while they were idle reach no request', async () => {
  await using bouncer = await startPgBouncer(url)
  await using served = await serve({ connectionString: bouncer.url }, (app) => {
    app.get('/', ({ session }) => session.find(Visit).count())
  })
  const get = async (): Promise<number> => (await served.fetch('/')).status
  await Promise.all(Array.from({ length: 20 }, get))

  await bouncer.command(`kill ${name}`)
  await bouncer.command(`resume ${name}`)

  await expect.poll(() => served.app.dataBridge.usage.total).toBe(0)
  expect(new Set(await Promise.all(Array.from({ length: 20 }, get)))).toEqual(new Set([200]))
})
