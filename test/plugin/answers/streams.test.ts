import { PassThrough, Readable } from 'node:stream'
import { beforeEach, describe, expect, it } from 'vitest'
import { testDatabase } from '../../support/database.ts'
import { blog, user, User } from '../../support/entities.ts'
import { holdCommits, holdLock, names, serve, untilBlocked, watchForLeaks } from '../serve.ts'

const stored = await testDatabase(blog)
const { database, query, url } = stored
watchForLeaks(stored)
beforeEach(stored.truncate)

describe('a stream', () => {
  it('begins when the commit is done: before its first byte the row is there', async () => {
    const seen: string[][] = []
    await using served = await serve({ database }, (app) => {
      app.get('/', async ({ session }) => {
        session.add(user('ann'))
        return Readable.from(
          (async function* () {
            seen.push(await names(query))
            yield 'first'
          })(),
        )
      })
    })
    const response = await served.fetch('/')
    expect([response.status, await response.text()]).toEqual([200, 'first'])
    expect(seen).toEqual([['ann']])
  })

  it('holds no connection while it flows', async () => {
    const payload = new PassThrough()
    await using served = await serve({ database }, (app) => {
      app.get('/', async ({ session }) => {
        session.add(user('ann'))
        payload.write('first')
        return payload
      })
    })
    const response = await served.fetch('/')
    expect(database.usage.idle).toBe(database.usage.total)
    payload.end(' last')
    expect(await response.text()).toBe('first last')
  })

  it('that uses the session before its first byte is a 500', async () => {
    await using served = await serve({ database }, (app) => {
      app.get('/', async ({ session }) => {
        session.add(user('ann'))
        return Readable.from(
          (async function* () {
            yield String(await session.find(User).count())
          })(),
        )
      })
    })
    const response = await served.fetch('/')
    expect(response.status).toBe(500)
    expect(await response.json()).toMatchObject({ code: 'DATA_BRIDGE_ERR_SESSION_CLOSED' })
    expect(await names(query)).toEqual(['ann'])
  })

  it('that uses the session later is cut off, never completed', async () => {
    const failed = Promise.withResolvers<unknown>()
    await using served = await serve({ database }, (app) => {
      app.get('/', async ({ session }) => {
        session.add(user('ann'))
        return Readable.from(
          (async function* () {
            yield 'first'
            try {
              yield String(await session.find(User).count())
            } catch (error) {
              failed.resolve(error)
              throw error
            }
          })(),
        )
      })
    })
    const response = await served.fetch('/')
    expect(response.status).toBe(200)
    await expect(response.text()).rejects.toThrow(TypeError)
    expect(await failed.promise).toMatchObject({ code: 'DATA_BRIDGE_ERR_SESSION_CLOSED' })
  })

  it('that uses the session for the first time while it flows is told that it is too late', async () => {
    const payload = new PassThrough()
    let use = (): unknown => undefined
    await using served = await serve({ database }, (app) => {
      app.get('/', async (request) => {
        use = () => request.session
        payload.write('first')
        return payload
      })
    })
    const response = await served.fetch('/')
    expect(use).toThrow(
      expect.objectContaining({
        code: 'DATA_BRIDGE_ERR_SESSION_CLOSED',
        message: expect.stringContaining('after the response was sent') as string,
      }) as Error,
    )
    payload.end(' last')
    expect(await response.text()).toBe('first last')
  })

  it('that fails before its first byte is a 500, with what was committed before', async () => {
    await using served = await serve({ database }, (app) => {
      app.get('/', async ({ session }) => {
        session.add(user('ann'))
        return new Readable({
          read() {
            this.destroy(new Error('broken'))
          },
        })
      })
    })
    expect((await served.fetch('/')).status).toBe(500)
    expect(await names(query)).toEqual(['ann'])
    expect(served.logs.map(({ msg }) => msg)).toContainEqual(expect.stringContaining('is saved'))
  })

  it('that fails while the commit is waited for is a 500, and does not end the process', async () => {
    await holdCommits(query, 10, 'ann')
    const lock = await holdLock(url, 10)
    const source = new PassThrough()
    await using served = await serve({ database }, (app) => {
      app.get('/', async ({ session }) => {
        session.add(user('ann'))
        return source
      })
    })
    const answer = served.fetch('/')
    await untilBlocked(query, 'commit')
    source.destroy(new Error('broken'))
    await lock[Symbol.asyncDispose]()
    expect((await answer).status).toBe(500)
    expect(await names(query)).toEqual(['ann'])
    await query('drop trigger hold on users')
  })

  it('is destroyed when its client leaves, and what was written stays', async () => {
    const payload = new PassThrough()
    await using served = await serve({ database }, (app) => {
      app.get('/', async ({ session }) => {
        session.add(user('ann'))
        payload.write('first')
        return payload
      })
    })
    const leaving = new AbortController()
    await served.fetch('/', { signal: leaving.signal })
    leaving.abort()
    await expect.poll(() => payload.destroyed).toBe(true)
    expect(await names(query)).toEqual(['ann'])
  })

  it('with an error status is rolled back before it begins', async () => {
    await using served = await serve({ database }, (app) => {
      app.get('/', async ({ session }, reply) => {
        session.add(user('ann'))
        return reply.code(422).send(Readable.from(['wrong']))
      })
    })
    const response = await served.fetch('/')
    expect([response.status, await response.text()]).toEqual([422, 'wrong'])
    expect(await names(query)).toEqual([])
  })
})
