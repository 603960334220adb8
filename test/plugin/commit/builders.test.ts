import { sql as drizzleSql } from 'drizzle-orm'
import { sql as kyselySql } from 'kysely'
import type { FastifyRequest } from 'fastify'
import { beforeEach, describe, expect, it } from 'vitest'
import { DataBridgeError } from '../../../orm/index.ts'
import { drizzleOf, kyselyOf, named, users } from '../../support/builders.ts'
import { testDatabase } from '../../support/database.ts'
import { blog, User, user } from '../../support/entities.ts'
import { protocols } from '../client.ts'
import {
  expectIdle,
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
beforeEach(stored.truncate)

const lockKey = 12

const serving = (work: (request: FastifyRequest) => unknown): Promise<Served> =>
  serve({ database, headers: true }, (app) => {
    app.get('/', async (request) => work(request))
  })

const insertBy = {
  Drizzle: ({ session }: FastifyRequest, name: string) =>
    drizzleOf(session).insert(users).values(named(name)),
  Kysely: ({ session }: FastifyRequest, name: string) =>
    kyselyOf(session)
      .insertInto('users')
      .values({ ...named(name), age: null })
      .execute(),
} as const

describe.each(['Drizzle', 'Kysely'] as const)('%s in a request', (builder) => {
  const insert = insertBy[builder]

  it('shares the transaction with the ORM, and commits before the response', async () => {
    await using served = await serving(async (request) => {
      await insert(request, 'ann')
      const ann = await request.session.find(User).filter({ name: 'ann' }).one()
      request.session.add(user('ben'))
      return { id: ann?.id }
    })
    const response = await served.fetch('/')
    expect([response.status, await response.json()]).toEqual([200, { id: 1 }])
    expect(response.headers.get('x-db-query-count')).toBe('3')
    expect(await names(query)).toEqual(['ann', 'ben'])
  })

  it('is rolled back with a response that is an error', async () => {
    await using served = await serve({ database }, (app) => {
      app.get('/', async (request, reply) => {
        await insert(request, 'ann')
        reply.code(422)
        return 'no'
      })
      app.get('/throws', async (request) => {
        await insert(request, 'ben')
        throw new Error('no')
      })
    })
    expect((await served.fetch('/')).status).toBe(422)
    expect((await served.fetch('/throws')).status).toBe(500)
    expect(await names(query)).toEqual([])
  })

  it('answers 409 to a unique violation, without SQL, names and values', async () => {
    await query(`insert into users (name, email) values ('ann', 'ann@example.com')`)
    await using served = await serving((request) => insert(request, 'ann'))
    const response = await served.fetch('/')
    expect(response.status).toBe(409)
    expect(await response.json()).toEqual({
      statusCode: 409,
      code: 'DATA_BRIDGE_ERR_UNIQUE',
      error: 'Conflict',
      message: 'This value is taken already.',
    })
    expect(JSON.stringify(served.logs)).toContain('users_email_key')
    expect(JSON.stringify(served.logs)).not.toContain('ann@')
  })

  it('gives its connection back if the client leaves in the middle', async () => {
    const ended = Promise.withResolvers<unknown>()
    await using _lock = await holdLock(url, lockKey)
    await using served = await serving((request) => {
      const { session } = request
      const work =
        builder === 'Drizzle'
          ? drizzleOf(session).transaction(async (tx) => {
              await tx.insert(users).values(named('ann'))
              await tx.execute(drizzleSql`select pg_advisory_xact_lock(${lockKey})`)
            })
          : kyselyOf(session)
              .transaction()
              .execute(async (trx) => {
                await insert(request, 'ann')
                await kyselySql`select pg_advisory_xact_lock(${lockKey})`.execute(trx)
              })
      work.then(ended.resolve, ended.resolve)
      return work
    })
    const client = await protocols[0]!.request(served.port, '/')
    await untilBlocked(query, 'select pg_advisory')
    client.leave()
    const error = (await ended.promise) as Error
    const own = error instanceof DataBridgeError ? error : error.cause
    expect(own).toMatchObject({ code: 'DATA_BRIDGE_ERR_CLIENT_GONE' })
    await expectIdle(database, query)
    expect(await names(query)).toEqual([])
  })
})

describe('an error that wraps one of the library', () => {
  it('is a 500 with its own words, if the application made it', async () => {
    await query(`insert into users (name, email) values ('ann', 'ann@example.com')`)
    await using served = await serving(async (request) => {
      try {
        await insertBy.Drizzle(request, 'ann')
      } catch (cause) {
        throw new Error('no account', { cause })
      }
    })
    const response = await served.fetch('/')
    expect([response.status, await response.json()]).toMatchObject([500, { message: 'no account' }])
  })

  it('keeps the status that the application gave it', async () => {
    await query(`insert into users (name, email) values ('ann', 'ann@example.com')`)
    await using served = await serving((request) =>
      insertBy.Drizzle(request, 'ann').catch((error: Error) => {
        throw Object.assign(error, { statusCode: 422, message: 'taken' })
      }),
    )
    const response = await served.fetch('/')
    expect([response.status, await response.json()]).toMatchObject([422, { message: 'taken' }])
  })
})

describe('a loop of statements of Kysely', () => {
  const looping = (times: number) =>
    serving(async ({ session, log }) => {
      const db = kyselyOf(session)
      for (let id = 1; id <= times; id += 1)
        await db.selectFrom('users').selectAll().where('id', '=', id).execute()
      log.info('done')
      return 'fine'
    })

  it('has a finding in the header and in the log', async () => {
    await using served = await looping(6)
    const response = await served.fetch('/')
    expect(response.headers.get('x-db-n-plus-one')).toBe('"SELECT users";n=6;k=query')
    expect(response.headers.get('x-db-query-count')).toBe('6')
    await expect
      .poll(() => served.logs.map(({ msg }) => msg))
      .toContainEqual(
        expect.stringContaining('N+1: SELECT users was sent 6 times, one by one, with other'),
      )
  })

  it('has none if it is short', async () => {
    await using served = await looping(2)
    const response = await served.fetch('/')
    expect(response.headers.get('x-db-n-plus-one')).toBeNull()
    expect(response.headers.get('x-db-query-count')).toBe('2')
  })
})
