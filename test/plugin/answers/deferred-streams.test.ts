import { once } from 'node:events'
import { Readable } from 'node:stream'
import type { FastifyRequest } from 'fastify'
import { beforeEach, describe, expect, it } from 'vitest'
import { sql } from '../../../orm/index.ts'
import { testDatabase } from '../../support/database.ts'
import { blog, Post, user, User } from '../../support/entities.ts'
import { protocols, receive } from '../client.ts'
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
const lockKey = 21
await query(
  'alter table posts add constraint posts_title_key unique (title) deferrable initially deferred',
)
await holdCommits(query, lockKey)
beforeEach(async () => {
  await stored.truncate()
  await query(`insert into users (name, email) values ('ann', 'ann@example.com')`)
  await query(`insert into posts (title, author_id) values ('taken', 1)`)
})

type Source = (request: FastifyRequest) => AsyncGenerator<string, void, undefined>
type Made = (source: AsyncIterable<string>) => unknown

async function* bytes(source: AsyncIterable<string>): AsyncGenerator<Buffer> {
  for await (const chunk of source) yield Buffer.from(chunk)
}

const kinds: readonly { kind: string; made: Made }[] = [
  { kind: 'bytes', made: (source) => Readable.from(bytes(source), { objectMode: false }) },
  { kind: 'strings in object mode', made: (source) => Readable.from(source) },
  { kind: 'a web stream', made: (source) => ReadableStream.from(bytes(source)) },
  {
    kind: 'a Response',
    made: (source) =>
      new Response(ReadableStream.from(bytes(source)), { headers: { 'content-length': '5' } }),
  },
]

const everywhere = [false, true].flatMap((isHttp2) =>
  kinds.map(({ kind, made }) => ({ isHttp2, made, what: `${kind}, HTTP/${isHttp2 ? 2 : 1.1}` })),
)

const config = { dataBridge: { stream: 'deferred' } } as const

/** A route whose response flows from the source, and says that it is five bytes long. */
const streaming = (made: Made, source: Source, isHttp2 = false): Promise<Served> =>
  serve(
    { database },
    (app) => {
      app.get('/', { config }, async (request, reply) => {
        void reply.header('content-length', '5')
        return made(source(request))
      })
    },
    { isHttp2 },
  )

const readable: Made = (source) => Readable.from(source)

async function* takenAfterFive({ session }: FastifyRequest): AsyncGenerator<string, void> {
  yield 'first'
  session.add(new Post({ title: 'taken', authorId: 1 }), user('bob'))
}

const logged = ({ logs }: Served): string[] => logs.map(({ msg }) => msg)
const commitFailed = 'the commit of a deferred stream has failed'

describe.each(everywhere)('a deferred stream: $what', ({ isHttp2, made }) => {
  it('reads and writes with a session that it is the first to use, and is committed', async () => {
    const source: Source = async function* (request) {
      yield 'first '
      request.session.add(user('bob'))
      yield `${await request.session.find(User).count()} users`
    }
    await using served = await streaming(made, source, isHttp2)
    expect(await receive(served.port, { isHttp2 })).toMatchObject({
      status: 200,
      body: 'first 2 users',
      isComplete: true,
    })
    expect(database.usage.idle).toBe(database.usage.total)
    expect(await names(query)).toEqual(['ann', 'bob'])
  })

  it('does not end before its commit has', async () => {
    const lock = await holdLock(url, lockKey)
    const source: Source = async function* ({ session }) {
      session.add(user('held'))
      yield 'first'
    }
    await using served = await streaming(made, source, isHttp2)
    let isEnded = false
    const received = receive(served.port, { isHttp2 }).finally(() => (isEnded = true))
    await untilBlocked(query, 'commit')
    expect(isEnded).toBe(false)
    expect(await names(query)).toEqual(['ann'])
    await lock[Symbol.asyncDispose]()
    expect(await received).toMatchObject({ status: 200, body: 'first', isComplete: true })
    expect(await names(query)).toEqual(['ann', 'held'])
  })

  it('is cut off where its commit fails, though its length was said, and the log says why', async () => {
    await using served = await streaming(made, takenAfterFive, isHttp2)
    const { headers, isComplete } = await receive(served.port, { isHttp2 })
    expect([headers['content-length'], isComplete]).toEqual([undefined, false])
    await expectIdle(database, query)
    expect(await names(query)).toEqual(['ann'])
    const { err } = served.logs.find(({ msg }) => msg === commitFailed) ?? {}
    expect(err).toMatchObject({ code: 'DATA_BRIDGE_ERR_COMMIT_FAILED', sqlState: '23505' })
  })

  it('is a 500, and rolled back, where it fails before its first byte', async () => {
    const source: Source = async function* ({ session }) {
      session.add(user('bob'))
      await session.flush()
      if (session.isUsed) throw new Error('broken')
      yield 'never'
    }
    await using served = await streaming(made, source, isHttp2)
    const received = await receive(served.port, { isHttp2 })
    expect(received).toMatchObject({ status: 500, isComplete: true })
    expect(JSON.parse(received.body)).toMatchObject({ message: 'broken' })
    expect(await names(query)).toEqual(['ann'])
  })

  it('is cut off, and rolled back, where it fails later', async () => {
    const source: Source = async function* ({ session }) {
      yield 'first'
      session.add(user('bob'))
      await session.flush()
      throw new Error('broken')
    }
    await using served = await streaming(made, source, isHttp2)
    expect((await receive(served.port, { isHttp2 })).isComplete).toBe(false)
    await expectIdle(database, query)
    expect(await names(query)).toEqual(['ann'])
    expect(logged(served)).not.toContain(commitFailed)
  })

  it('is rolled back at once, and its source ended, where its client leaves', async () => {
    const flowing = Promise.withResolvers<void>()
    const goOn = Promise.withResolvers<void>()
    const ended = Promise.withResolvers<void>()
    const source: Source = async function* ({ session }) {
      try {
        session.add(user('bob'))
        await session.flush()
        yield 'first'
        flowing.resolve()
        await goOn.promise
        yield 'never'
      } finally {
        ended.resolve()
      }
    }
    await using served = await streaming(made, source, isHttp2)
    const protocol = protocols.find((each) => each.isHttp2 === isHttp2)!
    const client = await protocol.request(served.port, '/')
    await flowing.promise
    expect(database.usage.total - database.usage.idle).toBe(1)
    client.leave()
    await expectIdle(database, query)
    goOn.resolve()
    await ended.promise
    expect(await names(query)).toEqual(['ann'])
  })

  it('has the query cancelled that it waits for where its client leaves', async () => {
    await using _lock = await holdLock(url, lockKey)
    const ended = Promise.withResolvers<unknown>()
    const source: Source = async function* ({ session }) {
      yield 'first'
      session.add(user('bob'))
      const work = session.execute(sql`select pg_advisory_xact_lock(${lockKey})`)
      await work.then(ended.resolve, ended.resolve)
    }
    await using served = await streaming(made, source, isHttp2)
    const protocol = protocols.find((each) => each.isHttp2 === isHttp2)!
    const client = await protocol.request(served.port, '/')
    await untilBlocked(query, 'select pg_advisory')
    client.leave()
    expect(await ended.promise).toMatchObject({ code: 'DATA_BRIDGE_ERR_CLIENT_GONE' })
    await expectIdle(database, query)
    expect(await names(query)).toEqual(['ann'])
  })
})

describe('the commit of a deferred stream', () => {
  const nothing: Source = async function* ({ session }) {
    session.add(new Post({ title: 'taken', authorId: 1 }), user('bob'))
    if (session.isClosed) yield 'never'
  }

  it.each(kinds)('is a 500 where it fails before there was a byte: $kind', async ({ made }) => {
    await using served = await serve({ database }, (app) => {
      // Sets no status.
      app.setErrorHandler(async (error: { code: string }) => ({ handled: error.code }))
      app.get('/', { config }, async (request) => made(nothing(request)))
    })
    const { status, body } = await receive(served.port)
    expect([status, body]).toEqual([500, '{"handled":"DATA_BRIDGE_ERR_COMMIT_FAILED"}'])
    expect(await names(query)).toEqual(['ann'])
  })

  it('fails where a statement of the stream has, and its error was swallowed', async () => {
    const source: Source = async function* ({ session }) {
      session.add(user('bob'))
      yield 'first'
      await session.execute(sql`select 1 / 0`).catch(() => undefined)
    }
    await using served = await streaming(readable, source)
    expect((await receive(served.port)).isComplete).toBe(false)
    expect(logged(served)).toContain(commitFailed)
    expect(await names(query)).toEqual(['ann'])
  })

  it('goes on where its client leaves in it: COMMIT was on the wire', async () => {
    const lock = await holdLock(url, lockKey)
    const source: Source = async function* ({ session }) {
      session.add(user('held'))
      yield 'first'
    }
    const gone = Promise.withResolvers<unknown>()
    await using served = await serve({ database }, (app) => {
      app.get('/', { config }, async (request, reply) => {
        gone.resolve(once(reply.raw, 'close'))
        return Readable.from(source(request))
      })
    })
    const client = await protocols[0]!.request(served.port, '/')
    await untilBlocked(query, 'commit')
    client.leave()
    await gone.promise
    await lock[Symbol.asyncDispose]()
    await expect.poll(() => names(query)).toEqual(['ann', 'held'])
  })
})
