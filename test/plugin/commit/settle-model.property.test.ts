import { once } from 'node:events'
import { Readable } from 'node:stream'
import fc from 'fast-check'
import type { FastifyReply, FastifyRequest } from 'fastify'
import pg from 'pg'
import { afterAll, expect, it } from 'vitest'
import { Database, type Session, sql } from '../../../orm/index.ts'
import { testDatabase } from '../../support/database.ts'
import { blog, user, User } from '../../support/entities.ts'
import { hearTags } from '../../support/received-tags.ts'
import { protocols, receive } from '../client.ts'
import { expectIdle, holdCommits, holdLock, names, serve, untilBlocked } from '../serve.ts'
import { type End, ends, expected, lastName, nameOf, type Step, steps } from './settle-model.ts'

const { query, url, truncate } = await testDatabase(blog)
const lockKey = 41
await holdCommits(query, lockKey, lastName)

/** What the application's connections have done. */
const seen = { taken: 0, given: 0, tags: [] as string[] }
const pool = new pg.Pool({ connectionString: url, max: 2 })
pool.on('acquire', () => (seen.taken += 1))
pool.on('release', () => (seen.given += 1))
pool.on('connect', (client) => hearTags(client, (tag) => seen.tags.push(tag)))
const database = new Database({ pool, tables: blog })
afterAll(async () => {
  await database.close()
  await pool.end()
})

async function take(session: Session, step: Step, index: number): Promise<unknown> {
  switch (step) {
    case 'read':
      return session.find(User).count()
    case 'add':
      return session.add(user(nameOf(index)))
    case 'write':
      session.add(user(nameOf(index)))
      return session.flush()
    case 'fail':
      return session.execute(sql`select 1 / 0`)
    case 'commit':
      return session.commit()
    case 'rollback':
      return session.rollback()
  }
}

/** The request that is under way: there is one at a time. */
interface Script {
  readonly steps: readonly Step[]
  readonly end: End
  readonly gone: PromiseWithResolvers<unknown>
  readonly working: PromiseWithResolvers<void>
}

let script: Script

async function finish(session: Session, reply: FastifyReply): Promise<unknown> {
  switch (script.end) {
    case 'answer':
      return 'fine'
    case 'answer while a statement runs':
      void session
        .execute(sql`insert into users (name, email) values (${lastName}, 'last')`)
        .catch(() => undefined)
      return 'fine'
    case 'answer twice':
      void reply.send('first')
      return reply.send('second')
    case 'answer, then throw':
      void reply.send('first')
      throw new Error('second')
    case 'answer after a slow commit':
    case 'leave in the commit':
      session.add(user(lastName))
      return 'fine'
    case 'deferred stream':
      return Readable.from(
        (async function* () {
          yield 'first'
          session.add(user(lastName))
        })(),
      )
    case 'refuse':
      return reply.code(422).send('no')
    case 'throw':
      throw new Error('boom')
    case 'end by hand':
      return reply.hijack().raw.end('raw')
    case 'leave':
      await script.gone.promise
      return 'fine'
    case 'time out':
      await expect.poll(() => database.usage.total - database.usage.idle).toBe(0)
      return 'fine'
  }
}

async function handle({ session }: FastifyRequest, reply: FastifyReply): Promise<unknown> {
  script.gone.resolve(once(reply.raw, 'close'))
  for (const [index, step] of script.steps.entries()) {
    await take(session, step, index).catch(() => undefined)
  }
  script.working.resolve()
  return finish(session, reply)
}

const served = await serve({ database }, (app) => {
  for (const stream of ['before', 'deferred'] as const) {
    const options = { method: ['GET', 'POST'], handler: handle } as const
    const dataBridge = { stream }
    app.route({ ...options, method: ['GET', 'POST'], url: `/${stream}`, config: { dataBridge } })
  }
  const dataBridge = { timeouts: { transaction: 200 } }
  app.route({ method: ['GET', 'POST'], url: '/limited', config: { dataBridge }, handler: handle })
})
afterAll(() => served.app.close())

const pathOf = (end: End): string => {
  if (end === 'deferred stream') return '/deferred'
  return end === 'time out' ? '/limited' : '/before'
}

async function leave(protocol: (typeof protocols)[0], hasCommit: boolean): Promise<'none'> {
  const lock = await holdLock(url, lockKey)
  const client = await protocol.request(served.port, '/before')
  await script.working.promise
  if (hasCommit) await untilBlocked(query, 'commit')
  client.leave()
  await script.gone.promise
  await lock[Symbol.asyncDispose]()
  return 'none'
}

async function answer(end: End, method: string, isSlow: boolean) {
  const lock = isSlow ? await holdLock(url, lockKey) : undefined
  const receiving = receive(served.port, { path: pathOf(end), method })
  if (isSlow) await untilBlocked(query, 'commit')
  await lock?.[Symbol.asyncDispose]()
  const { status = 0, isComplete } = await receiving
  if (!isComplete) return 'broken'
  return status >= 200 && status < 300 ? 'success' : 'error'
}

// A transaction has to be under way when its time is over.
const scriptOf = (given: readonly Step[], end: End): readonly Step[] =>
  end === 'time out' ? [...given.filter((step) => step !== 'commit'), 'rollback', 'write'] : given

it('a request saves what it answers as saved, whatever it did and however it ended', async () => {
  const cases = fc.record({
    given: fc.array(fc.constantFrom(...steps), { maxLength: 6 }),
    end: fc.constantFrom(...ends),
    hasBody: fc.boolean(),
  })
  const property = fc.asyncProperty(cases, async ({ given, end, hasBody }) => {
    await truncate()
    Object.assign(seen, { taken: 0, given: 0, tags: [] })
    const taken = scriptOf(given, end)
    script = {
      steps: taken,
      end,
      gone: Promise.withResolvers<unknown>(),
      working: Promise.withResolvers<void>(),
    }
    const { rows, answer: wanted } = expected(taken, end)
    const protocol = protocols[hasBody ? 1 : 0]!
    const isCommitted = rows.includes(lastName)
    const got =
      end === 'leave' || end === 'leave in the commit'
        ? await leave(protocol, isCommitted)
        : await answer(
            end,
            hasBody ? 'POST' : 'GET',
            end === 'answer after a slow commit' && isCommitted,
          )
    await expectIdle(database, query)
    const isLastSaved = got === 'success' && isCommitted
    expect({
      answer: got,
      rows: await names(query),
      held: seen.taken - seen.given,
      isTagged: rows.length === 0 || seen.tags.includes('COMMIT'),
      lastTag: isLastSaved ? seen.tags.at(-1) : 'COMMIT',
    }).toEqual({
      answer: wanted,
      rows: rows.toSorted(),
      held: 0,
      isTagged: true,
      lastTag: 'COMMIT',
    })
  })
  await fc.assert(property, { numRuns: 120 })
}, 60_000)
