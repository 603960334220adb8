import type { FastifyReply } from 'fastify'
import { beforeEach, describe, expect, it } from 'vitest'
import { type Session, sql } from '../../../orm/index.ts'
import type { DataBridgeRouteOptions } from '../../../plugin/index.ts'
import { testDatabase } from '../../support/database.ts'
import { blog, user, User } from '../../support/entities.ts'
import {
  expectIdle,
  holdCommits,
  holdLock,
  names,
  serve,
  type Served,
  watchForLeaks,
} from '../serve.ts'

const stored = await testDatabase(blog)
const { database, query, url } = stored
watchForLeaks(stored)
beforeEach(stored.truncate)
const lockKey = 23

const serving = (
  timeouts: DataBridgeRouteOptions['timeouts'],
  work: (session: Session, reply: FastifyReply) => Promise<unknown>,
  more: { readonly handlerTimeout?: number } = {},
): Promise<Served> =>
  serve({ database }, (app) => {
    app.post('/', { config: { dataBridge: { timeouts } }, ...more }, ({ session }, reply) =>
      work(session, reply),
    )
  })

const post = (served: Served): Promise<Response> =>
  served.fetch('/', {
    method: 'POST',
    body: JSON.stringify({ name: 'ann' }),
    headers: { 'content-type': 'application/json' },
  })

async function expectTold(response: Response, status: number, code: string): Promise<void> {
  expect([response.status, await response.json()]).toEqual([
    status,
    expect.objectContaining({ code }),
  ])
}

const idle = (): Promise<void> => expect.poll(() => database.usage.idle).toBe(1)

describe('timeouts.statement of a route', () => {
  it('is a 504, and nothing is saved', async () => {
    await using _lock = await holdLock(url, lockKey)
    await using served = await serving({ statement: 300 }, async (session) => {
      session.add(user('ann'))
      await session.execute(sql`select pg_advisory_xact_lock(${lockKey})`)
      return 'fine'
    })
    const response = await post(served)
    expect(response.headers.has('retry-after')).toBe(false)
    await expectTold(response, 504, 'DATA_BRIDGE_ERR_STATEMENT_TIMEOUT')
    expect(await names(query)).toEqual([])
  })

  it('never a success, where the handler swallows it', async () => {
    await using served = await serving({ statement: 300 }, async (session) => {
      session.add(user('ann'))
      await session.execute(sql`select pg_sleep(60)`).catch(() => undefined)
      return 'fine'
    })
    await expectTold(await post(served), 500, 'DATA_BRIDGE_ERR_COMMIT_FAILED')
    expect(await names(query)).toEqual([])
  })

  it('lets the handler roll back, and do something else', async () => {
    await using served = await serving({ statement: 300 }, async (session) => {
      session.add(user('ann'))
      await session.execute(sql`select pg_sleep(60)`).catch(() => session.rollback())
      session.add(user('bob'))
      return 'fine'
    })
    expect((await post(served)).status).toBe(200)
    expect(await names(query)).toEqual(['bob'])
  })
})

describe('a COMMIT that takes longer than timeouts.statement', () => {
  it('is cut off, and not cancelled: nobody knows, and PostgreSQL may save it later', async () => {
    await holdCommits(query, lockKey)
    const lock = await holdLock(url, lockKey)
    await using served = await serving({ statement: 300 }, async (session) => {
      session.add(user('held'))
      return 'fine'
    })
    await expectTold(await post(served), 500, 'DATA_BRIDGE_ERR_COMMIT_UNKNOWN')
    const [line] = served.logs.filter(({ level }) => level >= 50)
    expect(line?.err?.['code']).toBe('DATA_BRIDGE_ERR_COMMIT_UNKNOWN')
    expect(await names(query)).toEqual([])
    await lock[Symbol.asyncDispose]()
    await expect.poll(() => names(query)).toEqual(['held'])
  })
})

describe('timeouts.transaction of a route', () => {
  it('is a 504 where the handler does something else for too long', async () => {
    await using served = await serving({ transaction: 300 }, async (session) => {
      session.add(user('ann'))
      await session.flush()
      await idle()
      return 'fine'
    })
    await expectTold(await post(served), 504, 'DATA_BRIDGE_ERR_TRANSACTION_TIMEOUT')
    expect(await names(query)).toEqual([])
  })

  it('cancels the statement that runs', async () => {
    await using served = await serving({ transaction: 300 }, async (session) => {
      session.add(user('ann'))
      await session.execute(sql`select pg_sleep(60)`)
    })
    await expectTold(await post(served), 504, 'DATA_BRIDGE_ERR_TRANSACTION_TIMEOUT')
    expect(await names(query)).toEqual([])
  })

  it('never a success, where the handler swallows it', async () => {
    await using served = await serving({ transaction: 300 }, async (session) => {
      session.add(user('ann'))
      await session.execute(sql`select pg_sleep(60)`).catch(() => undefined)
      await session
        .find(User)
        .count()
        .catch(() => undefined)
      return 'fine'
    })
    await expectTold(await post(served), 504, 'DATA_BRIDGE_ERR_TRANSACTION_TIMEOUT')
    expect(await names(query)).toEqual([])
  })

  it('frees the connection of a POST whose handler never returns, where handlerTimeout does not come', async () => {
    const working = Promise.withResolvers<void>()
    const goOn = Promise.withResolvers<void>()
    await using served = await serving(
      { transaction: 300 },
      async (session) => {
        session.add(user('ann'))
        await session.flush()
        working.resolve()
        await goOn.promise
        return 'fine'
      },
      { handlerTimeout: 50 },
    )
    const answer = post(served)
    await working.promise
    expect(database.usage.idle).toBeLessThan(database.usage.total)
    await expectIdle(database, query)
    goOn.resolve()
    const response = await answer
    // Where Fastify brings its own limit to this request, too, it is a 503 of that.
    expect([503, 504]).toContain(response.status)
    expect(await names(query)).toEqual([])
  })
})
