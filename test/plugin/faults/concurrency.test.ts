import type { FastifyInstance } from 'fastify'
import pg from 'pg'
import { describe, expect, it } from 'vitest'
import { sql } from '../../../orm/index.ts'
import { testDatabase } from '../../support/database.ts'
import { blog, user, User } from '../../support/entities.ts'
import { protocols } from '../client.ts'
import { expectIdle, names, serve } from '../serve.ts'

const stored = await testDatabase(blog)
const { query, url, truncate } = stored

const [get, post] = protocols as [(typeof protocols)[0], (typeof protocols)[0]]

const range = (length: number): number[] => Array.from({ length }, (_, index) => index)

describe('a pool of one connection', () => {
  it('serves twenty requests at once that read and write', async () => {
    await truncate()
    await using served = await serve({ connectionString: url, max: 1 }, (app) => {
      app.post<{ Params: { name: string } }>('/:name', async (request) => {
        const { session } = request
        const [before] = await Promise.all([
          session.find(User).count(),
          session.find(User).filter({ name: 'nobody' }).toList(),
        ])
        session.add(user(request.params.name))
        await session.flush()
        await session.transaction(() => session.execute(sql`select pg_sleep(0.001)`))
        const after = await session.find(User).count()
        return { before, after }
      })
    })
    const responses = await Promise.all(
      range(20).map((index) => served.fetch(`/user${index}`, { method: 'POST' })),
    )
    for (const response of responses) {
      expect(response.status).toBe(200)
      const { before, after } = (await response.json()) as { before: number; after: number }
      expect(after).toBeGreaterThan(before)
    }
    expect(await names(query)).toHaveLength(20)
    await expectIdle(served.app.dataBridge, query)
    expect(served.app.dataBridge.usage).toEqual({ total: 1, idle: 1, waiting: 0 })
  })

  it('is free while a handler that has only read does something else', async () => {
    const isReading = Promise.withResolvers<void>()
    const goOn = Promise.withResolvers<void>()
    await using served = await serve({ connectionString: url, max: 1 }, (app) => {
      app.get('/slow', async ({ session }) => {
        await session.find(User).count()
        isReading.resolve()
        await goOn.promise
        return 'slow'
      })
      app.get('/fast', async ({ session }) => ({ users: await session.find(User).count() }))
    })
    const slow = served.fetch('/slow')
    await isReading.promise
    expect((await served.fetch('/fast')).status).toBe(200)
    goOn.resolve()
    expect((await slow).status).toBe(200)
  })

  it('says 503 where a request waits for longer than it may', async () => {
    const isWriting = Promise.withResolvers<void>()
    const goOn = Promise.withResolvers<void>()
    const settings = { max: 1, connectionTimeoutMillis: 100, idleTimeoutMillis: 0 }
    const pool = new pg.Pool({ connectionString: url, ...settings })
    // The limit is also one for making the connection, which is there from now on.
    await expect.poll(() => pool.query('select').then(Boolean, () => false)).toBe(true)
    await using served = await serve({ pool }, (app) => {
      app.get('/slow', async ({ session }) => {
        await session.execute(sql`select 1`)
        isWriting.resolve()
        await goOn.promise
        return 'slow'
      })
      app.get('/fast', async ({ session }) => ({ users: await session.find(User).count() }))
    })
    const slow = served.fetch('/slow')
    await isWriting.promise
    const refused = await served.fetch('/fast')
    expect(refused.status).toBe(503)
    expect(await refused.json()).toMatchObject({ code: 'DATA_BRIDGE_ERR_POOL_EXHAUSTED' })
    goOn.resolve()
    expect((await slow).status).toBe(200)
    expect((await served.fetch('/fast')).status).toBe(200)
    await expectIdle(served.app.dataBridge, query)
    await pool.end()
  })
})

/** Routes that end in every way; those that succeed are the only ones whose row is there afterwards. */
function everyEnd(app: FastifyInstance): void {
  const write = (name: string) => user(name)
  app.all<{ Params: { name: string } }>('/ok/:name', async ({ session, params }) => {
    session.add(write(params.name))
    return 'fine'
  })
  app.all<{ Params: { name: string } }>('/throw/:name', async ({ session, params }) => {
    session.add(write(params.name))
    await session.flush()
    throw new Error('boom')
  })
  app.all<{ Params: { name: string } }>('/refuse/:name', async ({ session, params }, reply) => {
    session.add(write(params.name))
    return reply.code(422).send('no')
  })
  app.all<{ Params: { name: string } }>('/swallow/:name', async ({ session, params }) => {
    session.add(write(params.name))
    await session.execute(sql`select 1 / 0`).catch(() => undefined)
    return 'fine'
  })
  app.all<{ Params: { name: string } }>('/raw/:name', async ({ session, params }, reply) => {
    session.add(write(params.name))
    await session.flush()
    reply.hijack().raw.end('raw')
  })
  app.all<{ Params: { name: string } }>('/hang/:name', async ({ session, params }, reply) => {
    session.add(write(params.name))
    await session.flush()
    await new Promise((resolve) => reply.raw.once('close', resolve))
    return 'fine'
  })
}

describe('requests of every end, all at once', () => {
  it('save what succeeds and nothing else, and leave every connection idle', async () => {
    await truncate()
    await using served = await serve({ connectionString: url, max: 3 }, everyEnd)
    const kinds = ['ok', 'throw', 'refuse', 'swallow', 'raw']
    const rounds = range(8)
    const leaving = rounds.map(async (round) => {
      const client = await (round % 2 === 0 ? get : post).request(served.port, `/hang/h${round}`)
      setTimeout(client.leave, round * 5)
    })
    const answered = rounds.flatMap((round) =>
      kinds.map(async (kind) => {
        const response = await served.fetch(`/${kind}/${kind}${round}`, { method: 'POST' })
        await response.text()
        return [kind, response.status] as const
      }),
    )
    await Promise.all(leaving)
    const statuses = new Set((await Promise.all(answered)).map((each) => each.join(' ')))
    expect([...statuses].toSorted()).toEqual([
      'ok 200',
      'raw 200',
      'refuse 422',
      'swallow 500',
      'throw 500',
    ])
    await expectIdle(served.app.dataBridge, query)
    expect(await names(query)).toEqual(rounds.map((round) => `ok${round}`))
  })
})
