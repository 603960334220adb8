import { Readable } from 'node:stream'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { beforeEach, describe, expect, it } from 'vitest'
import { sql } from '../../../orm/index.ts'
import type { DataBridgeOptions } from '../../../plugin/index.ts'
import { testDatabase } from '../../support/database.ts'
import { blog, user, User } from '../../support/entities.ts'
import { coded } from '../../support/failure.ts'
import { names, serve, type Served, watchForLeaks } from '../serve.ts'

const stored = await testDatabase(blog)
const { database, query } = stored
watchForLeaks(stored)

let ran: string[] = []
beforeEach(async () => {
  await stored.truncate()
  ran = []
})
const note = (name: string) => (): void => void ran.push(name)
const closed = coded('DATA_BRIDGE_ERR_SESSION_CLOSED', 'its own callbacks of afterCommit()')

type Handler = (request: FastifyRequest, reply: FastifyReply) => unknown

const serving = (handler: Handler, options: DataBridgeOptions = {}): Promise<Served> =>
  serve({ database, ...options }, (app) => {
    app.route({
      method: ['GET', 'POST'],
      url: '/',
      handler: async (request, reply) => handler(request, reply),
    })
    app.get(
      '/deferred',
      { config: { dataBridge: { stream: 'deferred' } } },
      async (request, reply) => handler(request, reply),
    )
  })

const write = ({ session }: FastifyRequest): void => {
  session.add(user('ann'))
  session.afterCommit(async () => {
    await new Promise((resolve) => setTimeout(resolve, 5))
    ran.push(`stored ${(await names(query)).join()}`)
  })
}

describe('afterCommit(fn) of a request', () => {
  it('runs after the commit, and before the response leaves', async () => {
    await using served = await serving((request, reply) => {
      reply.raw.on('finish', note('left'))
      write(request)
      request.session.afterCommit(note('second'))
      return 'done'
    })
    expect(await (await served.fetch('/')).text()).toBe('done')
    expect(ran).toEqual(['stored ann', 'second', 'left'])
  })

  it.each<[string, Handler]>([
    ['that has only read', ({ session }) => session.find(User).count()],
    ['that has done nothing else', () => ({ done: true })],
    ['that answers 204', (_request, reply) => reply.code(204).send()],
    ['that redirects', (_request, reply) => reply.redirect('/')],
    ['that answers with a stream', () => Readable.from(['a', 'b'])],
    ['that answers with a Response', () => new Response('text')],
  ])('runs in one %s', async (_what, answer) => {
    await using served = await serving((request, reply) => {
      reply.raw.on('finish', note('left'))
      request.session.afterCommit(note('ran'))
      return answer(request, reply)
    })
    const response = await served.fetch('/')
    await response.text()
    expect(response.status).toBeLessThan(400)
    expect(ran).toEqual(['ran', 'left'])
  })

  it('runs for HEAD', async () => {
    await using served = await serving((request) => {
      write(request)
      return 'done'
    })
    expect((await served.fetch('/', { method: 'HEAD' })).status).toBe(200)
    expect(ran).toEqual(['stored ann'])
  })

  it('runs before the end of a deferred stream, and for HEAD before its head', async () => {
    await using served = await serving((request, reply) => {
      reply.raw.on('finish', note('left'))
      const { session } = request
      session.afterCommit(note('early'))
      async function* bytes(): AsyncGenerator<string> {
        yield 'some, '
        session.add(user('ann'))
        session.afterCommit(async () => void ran.push((await names(query)).join()))
        yield 'more'
      }
      return Readable.from(bytes())
    })
    expect(await (await served.fetch('/deferred')).text()).toBe('some, more')
    expect(ran).toEqual(['early', 'ann', 'left'])
    ran = []
    await served.fetch('/deferred', { method: 'HEAD' })
    expect(ran).toEqual(['early', 'left'])
  })

  it('runs at once where the handler commits by hand, and the next with the response', async () => {
    await using served = await serving(async (request) => {
      write(request)
      await request.session.commit()
      ran.push('handler')
      request.session.afterCommit(note('later'))
      return 'done'
    })
    await served.fetch('/')
    expect(ran).toEqual(['stored ann', 'handler', 'later'])
  })

  it('runs where the handler commits by hand and takes over the reply', async () => {
    await using served = await serving(async (request, reply) => {
      write(request)
      await request.session.commit()
      reply.hijack()
      reply.raw.end('done')
    })
    expect(await (await served.fetch('/')).text()).toBe('done')
    expect(ran).toEqual(['stored ann'])
  })

  it('runs with the commit of a job in the handler', async () => {
    await using served = await serving(async ({ server }) => {
      await server.dataBridge.run((session) => session.afterCommit(note('job')))
      ran.push('handler')
      throw new Error('boom')
    })
    expect((await served.fetch('/')).status).toBe(500)
    expect(ran).toEqual(['job', 'handler'])
  })

  it('of a savepoint runs with the commit, unless the savepoint was rolled back', async () => {
    await using served = await serving(async ({ session }) => {
      await session.transaction(() => session.afterCommit(note('released')))
      await session
        .transaction(async () => {
          session.afterCommit(note('never'))
          await session.execute(sql`select 1 / 0`)
        })
        .catch(() => undefined)
      expect(ran).toEqual([])
      return 'done'
    })
    expect((await served.fetch('/')).status).toBe(200)
    expect(ran).toEqual(['released'])
  })
})

describe('a callback of a request', () => {
  it('that throws is logged, and changes nothing', async () => {
    await using served = await serving((request) => {
      write(request)
      request.session.afterCommit(() => {
        throw new Error('no mail')
      })
      request.session.afterCommit(async () => {
        await Promise.resolve()
        throw new TypeError('no queue')
      })
      request.session.afterCommit(note('last'))
      return 'done'
    })
    const response = await served.fetch('/')
    expect([response.status, await response.text()]).toEqual([200, 'done'])
    expect(ran).toEqual(['stored ann', 'last'])
    expect(await names(query)).toEqual(['ann'])
    expect(served.logs.filter(({ level }) => level === 50)).toMatchObject([
      {
        msg: 'a callback of afterCommit() failed: what was committed stays',
        err: { message: 'no mail' },
      },
      { err: { message: 'no queue', type: 'TypeError' } },
    ])
  })

  it('finds the session of the request closed, also the ambient one, and can use another', async () => {
    await using served = await serving((request) => {
      const { session } = request
      const ann = user('ann')
      session.add(ann)
      session.afterCommit(async () => {
        await expect(session.get(User, 1)).rejects.toThrow(closed)
        await expect(User.get(1)).rejects.toThrow(closed)
        expect(() => session.add(user('bob'))).toThrow(closed)
        expect(() => request.session.afterCommit(note('never'))).toThrow(closed)
        await request.server.dataBridge.run((other) => other.add(user(`of-${ann.id}`)))
        ran.push('closed')
      })
      return 'done'
    })
    expect((await served.fetch('/')).status).toBe(200)
    expect(ran).toEqual(['closed'])
    expect(await names(query)).toEqual(['ann', 'of-1'])
    expect(served.logs.filter(({ level }) => level >= 40)).toEqual([])
  })

  it('holds no connection while it runs', async () => {
    await using served = await serving((request) => {
      write(request)
      request.session.afterCommit(
        () => void ran.push(`busy ${database.usage.total - database.usage.idle}`),
      )
      return 'done'
    })
    await served.fetch('/')
    expect(ran).toContain('busy 0')
  })

  it('that never ends holds the response for 5 seconds; the others run, and a warning names it', async () => {
    const end = Promise.withResolvers<void>()
    await using served = await serving((request) => {
      request.session.afterCommit(async function sendMail() {
        await end.promise
        throw new Error('too late')
      })
      request.session.afterCommit(note('other'))
      write(request)
      return 'done'
    })
    const response = await served.fetch('/')
    expect([response.status, await response.text()]).toEqual([200, 'done'])
    expect(ran[0]).toBe('other')
    expect(served.logs.filter(({ level }) => level === 40)).toMatchObject([
      { callback: 'sendMail', behind: 2, msg: expect.stringContaining('5000 ms') as string },
    ])
    await expect.poll(() => ran).toEqual(['other', 'stored ann'])
    end.resolve()
    await expect
      .poll(() => served.logs.filter(({ level }) => level === 50))
      .toMatchObject([{ err: { message: 'too late' } }])
  })

  it('keeps a handler that goes on after its reply from using the session', async () => {
    const refused = Promise.withResolvers<unknown>()
    await using served = await serving((request, reply) => {
      const { session } = request
      const begun = Promise.withResolvers<void>()
      session.add(user('ann'))
      session.afterCommit(async () => {
        begun.resolve()
        ran.push(String(((await refused.promise) as { code: string }).code))
      })
      void begun.promise.then(() => {
        try {
          session.add(user('late'))
        } catch (error) {
          refused.resolve(error)
        }
      })
      return reply.send('done')
    })
    expect((await served.fetch('/')).status).toBe(200)
    expect(ran).toEqual(['DATA_BRIDGE_ERR_SESSION_CLOSED'])
  })

  it('runs where a later hook fails: what it belongs to is saved', async () => {
    await using served = await serve({ database }, (app) => {
      app.addHook('onSend', async (_request, reply) => {
        if (reply.statusCode < 400) throw new Error('late')
      })
      app.get('/', async (request) => {
        write(request)
        return 'done'
      })
    })
    expect((await served.fetch('/')).status).toBe(500)
    expect(await names(query)).toEqual(['ann'])
    expect(ran).toEqual(['stored ann'])
  })
})
