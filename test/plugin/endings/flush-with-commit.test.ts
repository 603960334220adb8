import { connect as dial } from 'node:net'
import { setTimeout } from 'node:timers/promises'
import type { FastifyInstance } from 'fastify'
import { afterAll, beforeEach, expect, it } from 'vitest'
import { graceMs } from '../../../orm/driver/cancelling.ts'
import { Database, integer, table } from '../../../orm/index.ts'
import { connect, testDatabase } from '../../support/database.ts'
import { WireProxy } from '../../support/wire-proxy.ts'
import { expectIdle, serve, untilBlocked } from '../serve.ts'

class Parent extends table('parents', { id: integer().primaryKey(), n: integer() }) {}
class Child extends table('children', { id: integer().primaryKey(), parentId: integer() }) {}

// Without triggers, what a commit flushes travels in one exchange with COMMIT. The deferred key is checked by COMMIT.
const { database, query, url } = await testDatabase()
await query(`
  create table parents (id int primary key, n int not null);
  create table children (id int primary key,
    parent_id int not null references parents deferrable initially deferred)`)

beforeEach(async () => {
  await query('delete from children; delete from parents; insert into parents values (1, 1)')
})

/** A request that leaves while its statement waits for a row that another transaction holds. */
async function leaving(path: string, blocked: string): Promise<{ unlock(): Promise<void> }> {
  const other = await connect(url)
  await other.query('begin; select from parents for update')
  const client = dial(served.port, '127.0.0.1')
  client.write(`GET ${path} HTTP/1.1\r\nhost: test\r\n\r\n`)
  try {
    await untilBlocked(query, blocked)
  } finally {
    client.destroy()
  }
  return {
    async unlock() {
      await other.query('rollback')
      await other.end()
    },
  }
}

function routes(app: FastifyInstance): void {
  app.get('/change', async ({ session }) => {
    const parent = await session.find(Parent).one()
    parent.n += 1
    return 'fine'
  })
  app.get('/add', async ({ session }) => {
    session.add(new Child({ id: 1, parentId: 1 }))
    return 'fine'
  })
}

const served = await serve({ database }, routes)

afterAll(() => served.app.close())

const untilIdle = (): Promise<void> =>
  expect.poll(() => database.usage.total - database.usage.idle).toBe(0)

it('is cancelled where the client leaves before COMMIT runs', async () => {
  const { unlock } = await leaving('/change', 'with written')
  // The lock is still held: nothing but the cancelling ends it.
  await untilIdle()
  await unlock()
  expect(await query('select n from parents')).toEqual([{ n: 1 }])
})

it('is committed where the client leaves while COMMIT runs', async () => {
  const { unlock } = await leaving('/add', 'commit')
  await unlock()
  await untilIdle()
  expect(await query('select parent_id from children')).toEqual([{ parent_id: 1 }])
})

it('is committed where COMMIT runs before a request to cancel has had an effect', async () => {
  await using proxy = await WireProxy.to(url)
  await using distant = new Database({ connectionString: proxy.url, max: 1 })
  await using service = await serve({ database: distant }, routes)
  await distant.run((session) => session.find(Parent).count())
  const other = await connect(url)
  await other.query('begin; select from parents for update')
  const late = proxy.before('toServer', 'insert into', (wire) => wire.hold('toServer'))
  const client = dial(service.port, '127.0.0.1')
  client.write('GET /add HTTP/1.1\r\nhost: test\r\n\r\n')
  const wire = await late
  client.destroy()
  // All requests are in vain. The next one would come when COMMIT runs.
  const requests = 5
  await expect.poll(() => proxy.wires[requests]?.isClosed, { interval: 1 }).toBe(true)

  wire.resume('toServer')

  await untilBlocked(query, 'commit')
  await setTimeout(graceMs)
  await other.query('rollback')
  await other.end()
  await expectIdle(distant, query)
  expect(proxy.wires).toHaveLength(1 + requests)
  expect(distant.usage.total).toBe(1)
  expect(await query('select parent_id from children')).toEqual([{ parent_id: 1 }])
})
