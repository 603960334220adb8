import { Readable } from 'node:stream'
import type { FastifyInstance, FastifyReply } from 'fastify'
import { beforeEach, describe, expect, it } from 'vitest'
import { type Session, sql } from '../../../orm/index.ts'
import { testDatabase } from '../../support/database.ts'
import { blog, Post, user, User } from '../../support/entities.ts'
import { names, serve, type Served, watchForLeaks } from '../serve.ts'

const stored = await testDatabase(blog)
const { database, query } = stored
watchForLeaks(stored)
await query(
  'alter table posts add constraint posts_title_key unique (title) deferrable initially deferred',
)
// A conflict that PostgreSQL finds at COMMIT alone, and that the same work may not have the next time.
await query(`
  create function conflict() returns trigger language plpgsql as $$
    begin raise exception 'conflict' using errcode = '40001'; end $$`)
await query(`
  create constraint trigger conflict after insert on users deferrable initially deferred
  for each row when (new.name = 'conflict') execute function conflict()`)
beforeEach(async () => {
  await stored.truncate()
  await query(`insert into users (name, email) values ('ann', 'ann@example.com')`)
  await query(`insert into posts (title, author_id) values ('taken', 1)`)
})

/** Fails when it is committed. */
function writeTaken(session: Session): void {
  session.add(new Post({ title: 'taken', authorId: 1 }), user('bob'))
}

const post = (served: Served, path = '/'): Promise<Response> =>
  served.fetch(path, { method: 'POST' })

const serving = (
  write: (session: Session) => unknown,
  more: (app: FastifyInstance) => void = () => {},
  answer: (reply: FastifyReply) => unknown = () => 'all is well',
): Promise<Served> =>
  serve({ database }, (app) => {
    more(app)
    app.post('/', async ({ session }, reply) => {
      await write(session)
      return answer(reply)
    })
  })

async function expectNothingSaved(): Promise<void> {
  expect(await names(query)).toEqual(['ann'])
  expect(await query('select from posts')).toHaveLength(1)
}

describe('a commit that PostgreSQL refuses', () => {
  it('is a 500 that says nothing was saved: a deferred constraint', async () => {
    await using served = await serving(writeTaken)
    const response = await post(served)
    expect(response.status).toBe(500)
    expect(await response.json()).toEqual({
      statusCode: 500,
      code: 'DATA_BRIDGE_ERR_COMMIT_FAILED',
      error: 'Internal Server Error',
      message: 'Nothing was saved.',
    })
    expect(response.headers.get('x-db-query-count')).toBe('2')
    await expectNothingSaved()
    const { err } = served.logs.find((line) => line.err !== undefined) ?? {}
    expect(err).toMatchObject({ constraint: 'posts_title_key', table: 'posts', sqlState: '23505' })
  })

  it.each<[string, (app: FastifyInstance) => unknown]>([
    ['async', (app) => app.setErrorHandler(async () => ({ handled: true }))],
    ['sync', (app) => app.setErrorHandler(() => ({ handled: true }))],
    [
      'with reply.send',
      (app) => app.setErrorHandler((_e, _r, reply) => reply.send({ handled: true })),
    ],
  ])('is a 500 with an error handler that sets no status, too: %s', async (_kind, setHandler) => {
    await using served = await serving(writeTaken, setHandler)
    const response = await post(served)
    expect([response.status, await response.json()]).toEqual([500, { handled: true }])
    await expectNothingSaved()
  })

  it('is answered as the error handler says, and not saved, where it sets a status', async () => {
    await using served = await serving(writeTaken, (app) =>
      app.setErrorHandler((_error, _request, reply) => reply.code(418).send('teapot')),
    )
    expect((await post(served)).status).toBe(418)
    await expectNothingSaved()
  })

  it('is told to the onError hooks of the application', async () => {
    const seen: unknown[] = []
    await using served = await serving(writeTaken, (app) =>
      app.addHook('onError', async (_request, _reply, error) => void seen.push(error.code)),
    )
    await post(served)
    expect(seen).toEqual(['DATA_BRIDGE_ERR_COMMIT_FAILED'])
  })

  it('is a 503 that may be tried again: a serialization failure', async () => {
    await using served = await serving((session) => session.add(user('conflict')))
    const response = await post(served)
    expect(response.status).toBe(503)
    expect(await response.json()).toMatchObject({ code: 'DATA_BRIDGE_ERR_SERIALIZATION' })
    expect(served.logs.find(({ err }) => err !== undefined)?.err).toMatchObject({ retryable: true })
    await expectNothingSaved()
  })

  it.each([
    ['204', (reply: FastifyReply) => reply.code(204).send()],
    ['a redirect', (reply: FastifyReply) => reply.redirect('/')],
    ['a buffer', () => Buffer.from('bytes')],
  ])('is a 500 instead of %s', async (_kind, answer) => {
    await using served = await serving(writeTaken, undefined, answer)
    const response = await post(served)
    expect(response.status).toBe(500)
    expect(await response.json()).toMatchObject({ code: 'DATA_BRIDGE_ERR_COMMIT_FAILED' })
    await expectNothingSaved()
  })

  it.each<[string, () => { payload: unknown; isDropped: () => boolean }]>([
    [
      'a stream',
      () => {
        const payload = Readable.from(['a', 'b'])
        return { payload, isDropped: () => payload.destroyed }
      },
    ],
    [
      'a web stream',
      () => {
        let isDropped = false
        const payload = new ReadableStream({ cancel: () => void (isDropped = true) })
        return { payload, isDropped: () => isDropped }
      },
    ],
    [
      'a Response',
      () => {
        let isDropped = false
        const payload = new Response(new ReadableStream({ cancel: () => void (isDropped = true) }))
        return { payload, isDropped: () => isDropped }
      },
    ],
  ])('drops %s that was to be sent', async (_kind, make) => {
    const { payload, isDropped } = make()
    await using served = await serving(writeTaken, undefined, () => payload)
    const response = await post(served)
    expect(response.status).toBe(500)
    expect(await response.json()).toMatchObject({ code: 'DATA_BRIDGE_ERR_COMMIT_FAILED' })
    expect(isDropped()).toBe(true)
    await expectNothingSaved()
  })
})

describe('a statement error that the handler swallows', () => {
  it('makes the commit fail: never a 200 without the rows', async () => {
    await using served = await serving(async (session) => {
      session.add(user('bob'))
      await session.flush()
      await session.execute(sql`select 1 / 0`).catch(() => undefined)
    })
    const response = await post(served)
    expect(response.status).toBe(500)
    expect(await response.json()).toMatchObject({ code: 'DATA_BRIDGE_ERR_COMMIT_FAILED' })
    const { stack } = served.logs.find(({ err }) => err !== undefined)?.err ?? { stack: '' }
    expect(stack).toMatch(
      /nothing was committed[^]*caused by: DataBridgeError[^]*caused by: PostgresError/,
    )
    await expectNothingSaved()
  })

  it('makes the commit fail where it was the flush', async () => {
    await using served = await serving(async (session) => {
      session.add(new User({ name: 'copy', email: 'ann@example.com' }), user('bob'))
      await session.flush().catch(() => undefined)
    })
    const response = await post(served)
    expect(response.status).toBeGreaterThanOrEqual(400)
    await expectNothingSaved()
  })

  it('is undone with its savepoint alone where it was in a transaction() of its own', async () => {
    await using served = await serving(async (session) => {
      session.add(user('bob'))
      await session.transaction(() => session.execute(sql`select 1 / 0`)).catch(() => undefined)
    })
    expect((await post(served)).status).toBe(200)
    expect(await names(query)).toEqual(['ann', 'bob'])
  })

  it.each([
    ['rollback', sql`rollback`],
    ['commit', sql`commit`],
    ['a failed PREPARE TRANSACTION', sql`prepare transaction 'name'`],
  ])(
    'makes the commit fail where SQL of its own has ended the transaction: %s',
    async (_what, end) => {
      await using served = await serving(async (session) => {
        await session.execute(end).catch(() => undefined)
        session.add(user('bob'))
      })
      const response = await post(served)
      expect(response.status).toBe(500)
      expect(await response.json()).toMatchObject({
        code: expect.stringMatching(/_(TRANSACTION|COMMIT_FAILED)$/) as string,
      })
      await expectNothingSaved()
    },
  )
})

describe('a flush at the commit', () => {
  it('that violates a unique constraint is a 409', async () => {
    await using served = await serving((session) =>
      session.add(user('bob'), new User({ name: 'copy', email: 'ann@example.com' })),
    )
    const response = await post(served)
    expect(response.status).toBe(409)
    expect(await response.json()).toEqual({
      statusCode: 409,
      code: 'DATA_BRIDGE_ERR_UNIQUE',
      error: 'Conflict',
      message: 'This value is taken already.',
    })
    expect(response.headers.get('x-db-query-count')).toBe('1')
    await expectNothingSaved()
  })

  it('that violates a foreign key is a 409', async () => {
    await using served = await serving((session) =>
      session.add(new Post({ title: 'new', authorId: 404 })),
    )
    const response = await post(served)
    expect(response.status).toBe(409)
    expect(await response.json()).toMatchObject({ code: 'DATA_BRIDGE_ERR_FOREIGN_KEY' })
    await expectNothingSaved()
  })

  it('that finds a changed row gone is a 409', async () => {
    await using served = await serving(async (session) => {
      const ann = await session.get(User, 1)
      await query('delete from posts')
      await query('delete from users')
      ann!.name = 'anna'
    })
    const response = await post(served)
    expect(response.status).toBe(409)
    expect(await response.json()).toMatchObject({ code: 'DATA_BRIDGE_ERR_STALE' })
  })
})
