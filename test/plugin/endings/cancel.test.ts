import { once } from 'node:events'
import { expect, it } from 'vitest'
import { sql } from '../../../orm/index.ts'
import { testDatabase } from '../../support/database.ts'
import { blog, User } from '../../support/entities.ts'
import { protocols } from '../client.ts'
import { backendsOf, expectIdle, serve } from '../serve.ts'

const { database, query } = await testDatabase(blog, { max: 1, application_name: 'app' })
const [get, post] = protocols as [(typeof protocols)[0], (typeof protocols)[0]]

const running = async (): Promise<number> => {
  const rows = await query(`
    select from pg_stat_activity where datname = current_database()
    and state = 'active' and query like 'select pg_sleep%'`)
  return rows.length
}

async function until(count: number): Promise<void> {
  const deadline = performance.now() + 10_000
  while ((await running()) !== count)
    if (performance.now() > deadline) throw new Error(`there are not ${count} statements`)
}

const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN

/** What is promised for the median, on a machine that is not busy with other tests. */
const promisedMs = 100

it('a statement is gone from the server within 100 ms of its client, and its connection is kept', async () => {
  await using served = await serve({ database }, (app) => {
    app.route({
      method: ['GET', 'POST'],
      url: '/',
      handler: async ({ session }) => session.execute(sql`select pg_sleep(60)`),
    })
  })
  await database.run((session) => session.find(User).count())
  const connections = await backendsOf(query, 'app')
  const took: number[] = []
  for (let round = 0; round < 20; round += 1) {
    const client = await (round % 2 === 0 ? get : post).request(served.port, '/')
    await until(1)
    const start = performance.now()
    client.leave()
    await until(0)
    took.push(performance.now() - start)
  }
  await expectIdle(database, query)
  expect(await backendsOf(query, 'app')).toEqual(connections)
  expect(median(took)).toBeLessThan(promisedMs)
})

it('a read that is in no transaction is cancelled as well', async () => {
  await query(`insert into users (name, email) values ('ann', 'a')`)
  const ended = Promise.withResolvers<unknown>()
  await using served = await serve({ database }, (app) => {
    app.get('/', async ({ session }, reply) => {
      const gone = once(reply.raw, 'close')
      const sleeping = session
        .find(User)
        .filter(() => sql`pg_sleep(60) is not null`)
        .toList()
      ended.resolve(await sleeping.catch((error: unknown) => error))
      await gone
    })
  })
  const client = await get.request(served.port, '/')
  const active = (): Promise<object[]> =>
    query(`select from pg_stat_activity where datname = current_database()
      and state = 'active' and query like '%pg_sleep(60) is not null%' and pid <> pg_backend_pid()`)
  await expect.poll(active).toHaveLength(1)
  client.leave()
  expect(await ended.promise).toMatchObject({ code: 'DATA_BRIDGE_ERR_CLIENT_GONE' })
  // PostgreSQL sends the error, and is idle a moment later.
  await expect.poll(active).toEqual([])
  await expectIdle(database, query)
})
