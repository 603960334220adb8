import pg from 'pg'
import { describe, expect, it } from 'vitest'
import { Database, sql } from '../../../orm/index.ts'
import { testDatabase } from '../../support/database.ts'
import { blog, User } from '../../support/entities.ts'
import { recordWire } from '../../support/recorder.ts'
import { WireProxy } from '../../support/wire-proxy.ts'

const { query, url } = await testDatabase(blog)
await query(`
  create function change_tenant(name text) returns void language sql as $$
    select set_config('app.tenant', name, false) $$`)

const tenant = sql`select current_setting('app.tenant', true) as tenant`

const tenantOf = (database: Database): Promise<unknown> =>
  database.run(async (session) => {
    const [row] = await session.execute<{ tenant: string | null }>(tenant)
    return row?.tenant || null
  })

describe('a connection whose session SQL has changed', () => {
  it.each([
    ['a setting', sql`select set_config('app.tenant', 'A', false)`],
    ['SET', sql`set app.tenant = 'A'`],
    ['a function that sets one', sql`select change_tenant('A')`],
    ['a block', sql`do $$ begin perform set_config('app.tenant', 'A', false); end $$`],
  ])('is reset before others use it: %s', async (_what, change) => {
    await using database = new Database({ connectionString: url, max: 1 })
    await database.run((session) => session.execute(change))
    expect(await tenantOf(database)).toBeNull()
    expect(database.usage.total).toBe(1)
  })

  it('has no temporary tables, locks and channels of the session before', async () => {
    await using database = new Database({ connectionString: url, max: 1 })
    await database.run(async (session) => {
      await session.execute(sql`create temp table mine (id int)`)
      await session.execute(sql`select pg_advisory_lock(4711)`)
      await session.execute(sql`listen changes`)
    })
    const left = await database.run((session) =>
      session.execute(sql`
        select 'table' as kind from pg_class where relname = 'mine'
        union all select 'lock' from pg_locks l join pg_database d on d.oid = l.database
          where locktype = 'advisory' and datname = current_database()
        union all select 'channel' from pg_listening_channels()`),
    )
    expect([...left]).toEqual([])
  })

  it('is reset after a rollback and an error too', async () => {
    await using database = new Database({ connectionString: url, max: 1 })
    const job = database.run(async (session) => {
      await session.execute(sql`select pg_advisory_lock(4712)`)
      throw new Error('over')
    })
    await expect(job).rejects.toThrow('over')
    // Nobody waits for the reset, unless for the connection.
    const locks = () =>
      query(`select from pg_locks l join pg_database d on d.oid = l.database
        where locktype = 'advisory' and datname = current_database()`)
    await expect.poll(locks).toEqual([])
  })

  it('prepares its statements again', async () => {
    await using database = new Database({ connectionString: url, max: 1 })
    const read = (): Promise<number> => database.run((session) => session.find(User).count())
    for (let time = 0; time < 3; time += 1) await read()
    await database.run((session) => session.execute(sql`set app.tenant = 'A'`))
    expect(await read()).toBe(0)
  })

  it('is closed where the reset is not answered, and the session goes on', async () => {
    await using proxy = await WireProxy.to(url)
    await using database = new Database({ connectionString: proxy.url, max: 1 })
    const silent = proxy.before('toServer', 'discard all', (wire) => wire.drop())
    await database.run((session) => session.execute(sql`set app.tenant = 'A'`))
    expect((await silent).isDropped).toBe(true)
    expect(await tenantOf(database)).toBeNull()
  })

  it('is closed on a pool of the application, whose handlers may have changed it themselves', async () => {
    const pool = new pg.Pool({ connectionString: url, max: 1 })
    const database = new Database({ pool })
    await database.run((session) => session.execute(sql`set app.tenant = 'A'`))
    expect(pool.totalCount).toBe(0)
    expect(await tenantOf(database)).toBeNull()
    await database.close()
    await pool.end()
  })

  it('costs plain statements nothing', async () => {
    await using wire = recordWire(url, { max: 1 })
    await wire.database.run(async (session) => {
      await session.execute(sql`select count(*) from users`)
      await session.execute(sql`select set_config('app.tenant', 'A', true)`)
    })
    expect(wire.texts.filter((text) => text === 'discard all')).toEqual([])
    expect(wire.pool.totalCount).toBe(1)
    expect(await tenantOf(wire.database)).toBeNull()
  })
})
