import { beforeEach, describe, expect, it } from 'vitest'
import { testDatabase } from '../../support/database.ts'
import { blog, user, User } from '../../support/entities.ts'
import { names, serve, watchForLeaks } from '../serve.ts'

const stored = await testDatabase(blog)
const { database, query } = stored
watchForLeaks(stored)
beforeEach(async () => {
  await stored.truncate()
  await query(`insert into users (name, email) values ('ann', 'a')`)
})

describe('User.get(1) in a request', () => {
  it('is the entity of its session, with its changes', async () => {
    await using served = await serve({ database }, (app) => {
      app.get('/', async ({ session }) => {
        const ann = await User.get(1)
        ann!.name = 'anna'
        return { isSame: ann === (await session.get(User, 1)) }
      })
    })
    const response = await served.fetch('/')
    expect(await response.json()).toEqual({ isSame: true })
    expect(response.headers.get('x-db-query-count')).toBe('2')
    expect(await names(query)).toEqual(['anna'])
  })

  it('opens the session where nothing else does, and so does User.find()', async () => {
    await using served = await serve({ database }, (app) => {
      app.get('/get', async () => User.get(1))
      app.get('/find', async () => User.find().filter({ name: 'ann' }).toList())
    })
    const get = await served.fetch('/get')
    expect(await get.json()).toMatchObject({ name: 'ann' })
    expect(get.headers.get('x-db-query-count')).toBe('1')
    expect(await (await served.fetch('/find')).json()).toMatchObject([{ name: 'ann' }])
  })

  it('works after a body was read, in hooks, and behind timers', async () => {
    await using served = await serve({ database }, (app) => {
      app.addHook('preValidation', async () => void (await User.get(1)))
      app.addHook('preHandler', (_request, _reply, done) => {
        User.get(1).then(() => done(), done)
      })
      app.post('/', async ({ session }) => {
        await new Promise((resolve) => setTimeout(resolve, 1))
        return { isSame: (await User.get(1)) === (await session.get(User, 1)) }
      })
    })
    const response = await served.fetch('/', { method: 'POST', body: 'x'.repeat(300_000) })
    expect(await response.json()).toEqual({ isSame: true })
    expect(response.headers.get('x-db-query-count')).toBe('1')
  })

  it('is its own in each of two requests at the same time', async () => {
    const both = Promise.withResolvers<void>()
    const seen = new Set<unknown>()
    await using served = await serve({ database }, (app) => {
      app.get('/', async ({ session }) => {
        const before = await User.get(1)
        seen.add(before)
        if (seen.size === 2) both.resolve()
        await both.promise
        const after = await User.get(1)
        return { isSame: before === after, isOfSession: after === (await session.get(User, 1)) }
      })
    })
    const answers = await Promise.all([served.fetch('/'), served.fetch('/')])
    for (const answer of answers)
      expect(await answer.json()).toEqual({ isSame: true, isOfSession: true })
    expect(seen.size).toBe(2)
  })

  it('is refused when the request has been answered', async () => {
    const late = Promise.withResolvers<unknown>()
    const answered = Promise.withResolvers<void>()
    await using served = await serve({ database }, (app) => {
      app.get('/', async () => {
        void answered.promise.then(() => User.get(1)).then(late.resolve, late.resolve)
        return User.get(1)
      })
    })
    await served.fetch('/')
    answered.resolve()
    expect(await late.promise).toMatchObject({ code: 'DATA_BRIDGE_ERR_SESSION_CLOSED' })
  })
})

describe('outside of a request', () => {
  const outside = { code: 'DATA_BRIDGE_ERR_NO_AMBIENT_SESSION', statusCode: 500 }

  it('User.get() is refused: in a test, in a hook of the application', async () => {
    const atReady = Promise.withResolvers<unknown>()
    await using served = await serve({ database }, (app) => {
      app.addHook('onReady', async () => {
        await (async () => User.get(1))().then(atReady.resolve, atReady.resolve)
      })
    })
    await expect((async () => User.get(1))()).rejects.toMatchObject(outside)
    expect(() => User.find()).toThrow(expect.objectContaining(outside) as Error)
    expect(await atReady.promise).toMatchObject(outside)
    expect(served.port).toBeGreaterThan(0)
  })

  it('app.dataBridge.run() has a session of its own', async () => {
    await using served = await serve({ database }, () => {})
    const isSame = await served.app.dataBridge.run(async (session) => {
      session.add(user('bob'))
      return (await User.get(1)) === (await session.get(User, 1))
    })
    expect(isSame).toBe(true)
    expect(await names(query)).toEqual(['ann', 'bob'])
  })
})

describe('app.dataBridge.run() within a request', () => {
  it('is a session beside that of the request, which is back afterwards', async () => {
    await using served = await serve({ database }, (app) => {
      app.get('/', async () => {
        const ofRequest = await User.get(1)
        const ofJob = await app.dataBridge.run(async (session) => {
          session.add(user('bob'))
          return User.get(1)
        })
        const isBack = ofRequest === (await User.get(1))
        throw new Error(JSON.stringify({ isOther: ofRequest !== ofJob, isBack }))
      })
    })
    const { message } = (await (await served.fetch('/')).json()) as { message: string }
    expect(JSON.parse(message)).toEqual({ isOther: true, isBack: true })
    expect(await names(query)).toEqual(['ann', 'bob'])
  })
})

describe('ambient: false', () => {
  it('refuses User.get(1) in a handler, and has request.session as always', async () => {
    await using served = await serve({ database, ambient: false }, (app) => {
      app.get('/ambient', async () => User.get(1))
      app.get('/', async ({ session }) => session.get(User, 1))
    })
    const response = await served.fetch('/ambient')
    expect(response.status).toBe(500)
    expect(await response.json()).toMatchObject({ code: 'DATA_BRIDGE_ERR_NO_AMBIENT_SESSION' })
    expect(await (await served.fetch('/')).json()).toMatchObject({ name: 'ann' })
  })

  it('leaves app.dataBridge.run() as it is', async () => {
    await using served = await serve({ database, ambient: false }, () => {})
    expect(await served.app.dataBridge.run(async () => (await User.get(1))?.name)).toBe('ann')
  })
})
