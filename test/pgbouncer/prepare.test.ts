import { expect, it } from 'vitest'
import { Database, type Session, sql } from '../../orm/index.ts'
import { serve } from '../plugin/serve.ts'
import { testDatabase } from '../support/database.ts'
import { User } from '../support/entities.ts'
import { startPgBouncer } from './start-pgbouncer.ts'

const { url } = await testDatabase([User])

/** The statements that were prepared on the one connection, after each was used often enough. */
async function prepared(session: Session): Promise<unknown[]> {
  for (const id of [1, 2, 3, 4, 5]) {
    await session.get(User, id)
    await session
      .find(User)
      .filter({ name: String(id) })
      .toList()
  }
  return [...(await session.execute(sql`select statement from pg_prepared_statements`))]
}

it.each([[{}], [{ prepare: true }]])('a direct connection prepares, with %o', async (options) => {
  await using database = new Database({ connectionString: url, max: 1, ...options })
  expect(await database.run(prepared)).not.toEqual([])
})

it('a direct connection prepares nothing with prepare: false', async () => {
  await using database = new Database({ connectionString: url, max: 1, prepare: false })
  expect(await database.run(prepared)).toEqual([])
})

it('a direct connection prepares nothing with ?pgbouncer=true in its URL', async () => {
  await using database = new Database({ connectionString: `${url}?pgbouncer=true`, max: 1 })
  expect(await database.run(prepared)).toEqual([])
})

it('the plugin prepares nothing with prepare: false', async () => {
  await using served = await serve({ connectionString: url, max: 1, prepare: false }, (app) => {
    app.get('/', ({ session }) => prepared(session))
  })
  expect(await (await served.fetch('/')).json()).toEqual([])
})

it.each(['transaction', 'session'])(
  'a connection through PgBouncer in %s mode prepares nothing',
  async (pool_mode) => {
    await using bouncer = await startPgBouncer(url, { pool_mode, default_pool_size: 1 })
    await using database = new Database({ connectionString: bouncer.url, max: 1 })
    expect(await database.run(prepared)).toEqual([])
  },
)

it('a connection through PgBouncer prepares with prepare: true', async () => {
  await using bouncer = await startPgBouncer(url, { pool_mode: 'session', default_pool_size: 1 })
  await using database = new Database({ connectionString: bouncer.url, max: 1, prepare: true })
  expect(await database.run(prepared)).not.toEqual([])
})
