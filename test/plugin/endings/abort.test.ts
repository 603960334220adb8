import { once } from 'node:events'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { beforeEach, describe, expect, it } from 'vitest'
import { Database, sql } from '../../../orm/index.ts'
import { connect, testDatabase } from '../../support/database.ts'
import { blog, user, User } from '../../support/entities.ts'
import { protocols } from '../client.ts'
import {
  expectIdle,
  holdCommits,
  holdLock,
  names,
  serve,
  type Served,
  untilBlocked,
  watchForLeaks,
} from '../serve.ts'

const stored = await testDatabase(blog)
const { database, query, url } = stored
watchForLeaks(stored)
const lockKey = 11
await holdCommits(query, lockKey)
beforeEach(stored.truncate)

/** A route for GET and POST, and the steps of its one request. */
interface Steps {
  /** The handler has come as far as its client is to leave. */
  readonly working: Promise<void>
  readonly gone: Promise<unknown>
  /** What became of the handler. */
  readonly ended: Promise<unknown>
}

interface Signs {
  working(): void
  readonly gone: Promise<unknown>
}

type Handler = (request: FastifyRequest, signs: Signs) => Promise<unknown>

function route(app: FastifyInstance, handler: Handler): Steps {
  const working = Promise.withResolvers<void>()
  const gone = Promise.withResolvers<unknown>()
  const ended = Promise.withResolvers<unknown>()
  app.route({
    method: ['GET', 'POST'],
    url: '/',
    handler: async (request: FastifyRequest, reply: FastifyReply) => {
      gone.resolve(once(reply.raw, 'close'))
      const work = handler(request, { working: working.resolve, gone: gone.promise })
      work.then(ended.resolve, ended.resolve)
      return work
    },
  })
  return { working: working.promise, gone: gone.promise, ended: ended.promise }
}

async function serving(
  isHttp2: boolean,
  handler: Handler,
  on: Database = database,
): Promise<Served & Steps> {
  let steps: Steps | undefined
  const served = await serve(
    { database: on },
    (app) => {
      steps = route(app, handler)
    },
    { isHttp2 },
  )
  return Object.assign(served, steps)
}

describe.each(protocols)('a client of $name that leaves', ({ isHttp2, request }) => {
  it('while the handler is idle: rolled back at once, and its 200 saves nothing', async () => {
    const goOn = Promise.withResolvers<void>()
    await using served = await serving(isHttp2, async ({ session }, { working }) => {
      session.add(user('ann'))
      await session.flush()
      working()
      await goOn.promise
      return 'fine'
    })
    const client = await request(served.port, '/')
    await served.working
    expect(database.usage.total - database.usage.idle).toBe(1)
    client.leave()
    await served.gone
    await expectIdle(database, query)
    goOn.resolve()
    expect(await served.ended).toBe('fine')
    expect(await names(query)).toEqual([])
  })

  it('while the handler is idle: later use of the session is refused', async () => {
    await using served = await serving(isHttp2, async ({ session }, { working, gone }) => {
      session.add(user('ann'))
      await session.flush()
      working()
      await gone
      session.add(user('bob'))
    })
    const client = await request(served.port, '/')
    await served.working
    client.leave()
    expect(await served.ended).toMatchObject({ code: 'DATA_BRIDGE_ERR_CLIENT_GONE' })
    await expectIdle(database, query)
    expect(await names(query)).toEqual([])
  })

  it('and whose handler returns nothing afterwards leaks nothing', async () => {
    await using served = await serving(isHttp2, async ({ session }, { working, gone }) => {
      session.add(user('ann'))
      await session.flush()
      working()
      await gone
      return undefined
    })
    const client = await request(served.port, '/')
    await served.working
    client.leave()
    expect(await served.ended).toBe(undefined)
    await expectIdle(database, query)
    expect(await names(query)).toEqual([])
  })

  it('in a query: which is cancelled on the server, and rolled back at once', async () => {
    await using _lock = await holdLock(url, lockKey)
    await using served = await serving(isHttp2, async ({ session }) => {
      session.add(user('ann'))
      await session.execute(sql`select pg_advisory_xact_lock(${lockKey})`)
      await session.execute(sql`insert into users (name, email) values ('bob', 'b')`)
    })
    const client = await request(served.port, '/')
    await untilBlocked(query, 'select pg_advisory')
    client.leave()
    expect(await served.ended).toMatchObject({ code: 'DATA_BRIDGE_ERR_CLIENT_GONE' })
    await expectIdle(database, query)
    expect(await names(query)).toEqual([])
    // No failure of the server, which would wake somebody.
    const logged = () =>
      served.logs.find(({ err }) => err?.['code'] === 'DATA_BRIDGE_ERR_CLIENT_GONE')
    await expect.poll(() => logged()?.level).toBe(30)
  })

  it('while it waits for a connection: nothing is run with it when it comes', async () => {
    await using small = new Database({ connectionString: url, max: 1, application_name: 'small' })
    const holder = small.session()
    await holder.execute(sql`select 1`)
    await using served = await serving(
      isHttp2,
      async ({ session }) => session.execute(sql`select nextval('users_id_seq')`),
      small,
    )
    const client = await request(served.port, '/')
    await expect.poll(() => small.usage.waiting).toBe(1)
    client.leave()
    expect(await served.ended).toMatchObject({ code: 'DATA_BRIDGE_ERR_CLIENT_GONE' })
    await holder.rollback()
    await holder.close()
    await expectIdle(small, query)
    expect(await query('select is_called from users_id_seq')).toEqual([{ is_called: false }])
  })

  it('in the flush before COMMIT: which is cancelled on the server, and nothing is saved', async () => {
    await using other = await connect(url)
    await other.query('begin; lock table users in share mode')
    await using served = await serving(isHttp2, async ({ session }) => {
      session.add(user('ann'))
      return 'fine'
    })
    const client = await request(served.port, '/')
    await untilBlocked(query, 'insert into')
    client.leave()
    await expect.poll(() => database.usage.total - database.usage.idle).toBe(0)
    await other.query('rollback')
    await served.app.close()
    expect(await names(query)).toEqual([])
  })

  it('while its commit waits for a connection: it waits no longer, and nothing is saved', async () => {
    await using small = new Database({ connectionString: url, max: 1 })
    await using holder = small.session()
    await holder.execute(sql`select 1`)
    await using served = await serving(
      isHttp2,
      async ({ session }) => {
        session.add(user('ann'))
        return 'fine'
      },
      small,
    )
    const client = await request(served.port, '/')
    await expect.poll(() => small.usage.waiting).toBe(1)
    client.leave()
    await expect.poll(() => small.usage.waiting).toBe(0)
    await holder.rollback()
    await expectIdle(small, query)
    expect(await names(query)).toEqual([])
  })

  it('during the commit: COMMIT was on the wire, so it is saved', async () => {
    const lock = await holdLock(url, lockKey)
    await using served = await serving(isHttp2, async ({ session }) => {
      session.add(user('held'))
      return 'fine'
    })
    const client = await request(served.port, '/')
    await untilBlocked(query, 'commit')
    client.leave()
    await served.gone
    await lock[Symbol.asyncDispose]()
    await expectIdle(database, query)
    await expect.poll(() => names(query)).toEqual(['held'])
  })

  it('before the session is first used: that is an error, and takes no connection', async () => {
    await using served = await serving(isHttp2, async (request, { working, gone }) => {
      working()
      await gone
      return request.session.find(User).count()
    })
    const client = await request(served.port, '/')
    await served.working
    client.leave()
    expect(await served.ended).toMatchObject({
      code: 'DATA_BRIDGE_ERR_CLIENT_GONE',
      message: expect.stringContaining('the client left') as string,
    })
    expect(database.usage.idle).toBe(database.usage.total)
  })

  it('and has others served as if nothing had been', async () => {
    await using served = await serving(isHttp2, async ({ session }, { working, gone }) => {
      session.add(user('ann'))
      await session.flush()
      working()
      await gone
      throw new Error('the client has left')
    })
    const client = await request(served.port, '/')
    await served.working
    client.leave()
    await served.ended
    await expectIdle(database, query)
    await database.run((session) => session.add(user('ann')))
    expect(await names(query)).toEqual(['ann'])
  })
})
