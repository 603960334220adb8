import { connect as dial, type Socket } from 'node:net'
import { setTimeout } from 'node:timers/promises'
import type { FastifyInstance } from 'fastify'
import { afterAll, beforeEach, describe, expect, it } from 'vitest'
import { graceMs } from '../../../orm/driver/cancelling.ts'
import { Database, type DatabaseOptions, integer, table } from '../../../orm/index.ts'
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

/** Holds the row that each request needs, until it is called. */
async function lockParent(): Promise<() => Promise<void>> {
  const other = await connect(url)
  await other.query('begin; select from parents for update')
  return async () => {
    await other.query('rollback')
    await other.end()
  }
}

function get(port: number, path: string): Socket {
  const client = dial(port, '127.0.0.1')
  client.write(`GET ${path} HTTP/1.1\r\nhost: test\r\n\r\n`)
  return client
}

/** A request that leaves while its statement waits for a row that another transaction holds. */
async function leaving(path: string, blocked: string): Promise<{ unlock(): Promise<void> }> {
  const unlock = await lockParent()
  const client = get(served.port, path)
  try {
    await untilBlocked(query, blocked)
  } finally {
    client.destroy()
  }
  return { unlock }
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

describe('is neither cancelled nor cut off where COMMIT runs before a request has had an effect', () => {
  /** Where the exchange with COMMIT has been sent and is held on its way. */
  async function holding(timeouts: DatabaseOptions['timeouts']) {
    const stack = new AsyncDisposableStack()
    const proxy = stack.use(await WireProxy.to(url))
    const distant = stack.use(new Database({ connectionString: proxy.url, max: 1, timeouts }))
    const { port } = stack.use(await serve({ database: distant }, routes))
    await distant.run((session) => session.find(Parent).count())
    const unlock = await lockParent()
    const late = proxy.before('toServer', 'insert into', (wire) => wire.hold('toServer'))
    const client = get(port, '/add')
    return {
      proxy,
      distant,
      client,
      wire: await late,
      async unlock() {
        await unlock()
        await expectIdle(distant, query)
        expect(await query('select parent_id from children')).toEqual([{ parent_id: 1 }])
      },
      [Symbol.asyncDispose]: () => stack.disposeAsync(),
    }
  }

  it.each([
    ['the client leaves', undefined],
    ['timeouts.transaction is over', 200],
  ])('%s', async (_reason, transaction) => {
    await using held = await holding(transaction === undefined ? {} : { transaction })
    const { proxy, distant } = held
    if (transaction === undefined) held.client.destroy()
    // The next one would come a while after these.
    const inVain = 5
    await expect.poll(() => proxy.wires[inVain]?.isClosed, { interval: 1 }).toBe(true)

    held.wire.resume('toServer')
    await untilBlocked(query, 'commit')
    const count = proxy.wires.length
    await setTimeout(graceMs)

    await held.unlock()
    expect(proxy.wires).toHaveLength(count)
    expect(distant.usage.total).toBe(1)
    held.client.destroy()
  })

  it('nobody confirms the request: the connection is closed when COMMIT has been answered', async () => {
    await using held = await holding({})
    held.proxy.swallowNew()
    held.client.destroy()
    await expect.poll(() => held.proxy.wires.length).toBe(2)

    held.wire.resume('toServer')
    await untilBlocked(query, 'commit')
    await setTimeout(1.5 * graceMs)
    expect(held.wire.isClosed).toBe(false)

    await held.unlock()
    expect(held.distant.usage.total).toBe(0)
  })
})
