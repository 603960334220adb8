import { once } from 'node:events'
import { setImmediate as turn } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Session, sql } from '../../../orm/index.ts'
import { testDatabase } from '../../support/database.ts'
import { blog, Post, user, User } from '../../support/entities.ts'
import { protocols } from '../client.ts'
import { type LogLine, names, serve, watchForLeaks } from '../serve.ts'

const stored = await testDatabase(blog)
const { database, query } = stored
watchForLeaks(stored)

const unhandled: unknown[] = []
const note = (reason: unknown): void => void unhandled.push(reason)
const others = process.listeners('unhandledRejection')

beforeEach(async () => {
  await stored.truncate()
  await query(`insert into users (name, email) values ('ann', 'ann@example.com')`)
  await query(`insert into posts (title, author_id) values ('first', 1)`)
  unhandled.length = 0
  process.removeAllListeners('unhandledRejection')
  process.on('unhandledRejection', note)
})
afterEach(() => {
  process.off('unhandledRejection', note)
  for (const listener of others) process.on('unhandledRejection', listener)
})

const sleep = sql`select pg_sleep(100)`

const untilAsleep = (): Promise<void> =>
  expect
    .poll(() => query(`select from pg_stat_activity where query = 'select pg_sleep(100)'`))
    .toHaveLength(1)

/** Calls that are started behind a long statement, or after the end. */
const calls: readonly (readonly [
  string,
  (session: Session, kept: Kept) => PromiseLike<unknown>,
])[] = [
  ['toList()', (session) => session.find(User).toList()],
  ['toList() with conditions', (session) => session.find(User).filter({ age: 1 }).toList()],
  ['first()', (session) => session.find(User).first()],
  ['one()', (session) => session.find(User).one()],
  ['count()', (session) => session.find(User).count()],
  ['exists()', (session) => session.find(User).exists()],
  [
    'select()',
    (session) =>
      session
        .find(User)
        .select(({ id }) => ({ id }))
        .toList(),
  ],
  [
    'first() of select()',
    (session) =>
      session
        .find(User)
        .select(({ id }) => ({ id }))
        .first(),
  ],
  ['get()', (session) => session.get(User, 99)],
  ['getOrThrow()', (session) => session.getOrThrow(User, 99)],
  ['getMany()', (session) => session.getMany(User, [98, 99])],
  ['refresh()', (session, { post }) => session.refresh(post)],
  ['execute()', (session) => session.execute(sql`select 1`)],
  ['flush()', (session) => session.flush()],
  ['commit()', (session) => session.commit()],
  ['transaction()', (session) => session.transaction(() => 1)],
  ['open()', (session) => session.open()],
  ['a relation', (_session, { post }) => post.author.then((author) => author)],
]

interface Kept {
  readonly post: Post
}

describe('a call that is started now and awaited later, when the client has left in between,', () => {
  it.each(calls)('is refused without ending the process: %s', async (_name, call) => {
    const started = Promise.withResolvers<void>()
    const awaited = Promise.withResolvers<unknown>()
    await using served = await serve({ database }, (app) => {
      app.get('/', async ({ session }, reply) => {
        const kept = { post: await session.getOrThrow(Post, 1) }
        session.add(user('bob'))
        await session.flush()
        const closed = once(reply.raw, 'close')
        const first = session.execute(sleep)
        await untilAsleep()
        session.add(user('zoe'))
        const before = call(session, kept)
        started.resolve()
        await closed
        const after = (async () => call(session, kept))()
        for (let turns = 0; turns < 20; turns += 1) await turn()
        awaited.resolve(Promise.allSettled([first, before, after]))
        return 'nobody reads this'
      })
    })
    const client = await protocols[0]!.request(served.port, '/')
    await started.promise
    client.leave()
    const results = (await awaited.promise) as PromiseSettledResult<unknown>[]
    expect(results.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected'])
    await served.app.close()
    // `after` is the test's own: an async function derives its promise.
    expect(
      unhandled.filter((reason) => reason !== (results[2] as PromiseRejectedResult).reason),
    ).toEqual([])
    const lines = (): readonly LogLine[] =>
      served.logs.filter(({ msg }) => msg.includes('nothing awaits it'))
    await expect.poll(lines).toHaveLength(1)
    expect(lines()[0]).toMatchObject({ level: 30, err: { code: 'DATA_BRIDGE_ERR_CLIENT_GONE' } })
    expect(await names(query)).toEqual(['ann'])
  })
})

describe('a call that nobody awaits does not end the process', () => {
  it('when the time of its transaction is over', async () => {
    const settled = Promise.withResolvers<PromiseSettledResult<unknown>[]>()
    await using served = await serve({ database }, (app) => {
      const config = { dataBridge: { timeouts: { transaction: 1000 } } }
      app.get('/', { config }, async ({ session }) => {
        session.add(user('bob'))
        await session.flush()
        const first = session.execute(sleep)
        await untilAsleep()
        const started = [first, session.find(User).toList()]
        await expect.poll(() => database.usage.total - database.usage.idle).toBe(0)
        for (let turns = 0; turns < 20; turns += 1) await turn()
        settled.resolve(Promise.allSettled(started))
        return 'fine'
      })
    })
    expect((await served.fetch('/')).status).toBe(504)
    const results = await settled.promise
    expect(results.map(({ status }) => status)).toEqual(['rejected', 'rejected'])
    expect(unhandled).toEqual([])
    await expect
      .poll(() => served.logs.filter(({ msg }) => msg.includes('nothing awaits it')))
      .toHaveLength(1)
  })

  it('when the application closes', async () => {
    const other = await testDatabase(blog)
    await using served = await serve({ connectionString: other.url, max: 2 }, (app) => {
      app.get('/', async ({ session }) => {
        void session.execute(sleep)
        return new Promise(() => {})
      })
    })
    void served.app.inject('/').catch(() => undefined)
    await expect
      .poll(() => other.query(`select from pg_stat_activity where query = 'select pg_sleep(100)'`))
      .toHaveLength(1)
    await served.app.close()
    for (let turns = 0; turns < 20; turns += 1) await turn()
    expect(unhandled).toEqual([])
  })

  it('when a signal is aborted, in a session and in a job', async () => {
    const leaving = new AbortController()
    const session = database.session({ signal: leaving.signal })
    const list = session.execute(sleep)
    const job = database.run((own) => own.execute(sleep), { signal: leaving.signal })
    await expect
      .poll(() => query(`select from pg_stat_activity where query = 'select pg_sleep(100)'`))
      .toHaveLength(2)
    leaving.abort()
    await session.close()
    for (let turns = 0; turns < 20; turns += 1) await turn()
    expect(unhandled).toEqual([])
    await expect(list).rejects.toMatchObject({ code: 'DATA_BRIDGE_ERR_ABORTED' })
    await expect(job).rejects.toMatchObject({ code: 'DATA_BRIDGE_ERR_ABORTED' })
  })
})

it('other errors that nobody awaits stay unhandled', async () => {
  const session = database.session()
  const failed = session.execute(sql`select 1 / 0`)
  await expect.poll(() => unhandled).toHaveLength(1)
  await expect(failed).rejects.toBe(unhandled[0])
  await session.close()
})

it('a handler that awaits it is logged once, as its error', async () => {
  await using served = await serve({ database }, (app) => {
    app.get('/', async ({ session }) => session.execute(sleep))
  })
  const client = await protocols[0]!.request(served.port, '/')
  await untilAsleep()
  client.leave()
  await expect.poll(() => served.logs.filter(({ err }) => err !== undefined)).toHaveLength(1)
  await served.app.close()
  expect(served.logs.filter(({ err }) => err !== undefined)).toHaveLength(1)
})
