import { setTimeout as pause } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Session } from '../../../orm/index.ts'
import { protocols } from '../client.ts'
import { serve, type Served } from '../serve.ts'
import { blogOfTen, loadAuthors, told } from './blog-of-ten.ts'

const { database } = await blogOfTen()

interface Request {
  readonly session: Session
}

/** How a handler works with the database: with its session, with a job, or with both. */
const ways: readonly (readonly [string, (served: Served, request: Request) => Promise<void>])[] = [
  ['request.session', (_served, { session }) => loadAuthors(session)],
  ['run()', ({ app }) => app.dataBridge.run((session) => loadAuthors(session))],
]

let entered = Promise.withResolvers<void>()
beforeEach(() => void (entered = Promise.withResolvers()))

describe.each(ways)('a request that uses %s is told once', (_way, work) => {
  let served: Served
  beforeEach(async () => {
    served = await serve(
      { database },
      (app) => {
        app.setNotFoundHandler(async (request, reply) => {
          await work(served, request)
          return reply.code(404).send('not here')
        })
        app.get('/fails', async (request) => {
          await work(served, request)
          throw new Error('failed')
        })
        app.get('/hook-fails', {
          handler: () => 'never',
          preHandler: async (request) => {
            await work(served, request)
            throw new Error('failed')
          },
        })
        app.get('/hijack', async (request, reply) => {
          reply.hijack()
          await work(served, request)
          reply.raw.end('by hand')
        })
        app.get('/times-out', { handlerTimeout: 300 }, async (request) => {
          await work(served, request)
          await pause(2000, undefined, { ref: false })
        })
        app.get('/leaves', async (request) => {
          await work(served, request)
          entered.resolve()
          await pause(2000, undefined, { ref: false })
        })
        app.get('/stream', async (request) => {
          await work(served, request)
          return new Response(new Blob(['streamed']).stream())
        })
        app.get(
          '/deferred',
          { config: { dataBridge: { stream: 'deferred' } } },
          async (request) => {
            await work(served, request)
            return new Response(new Blob(['streamed']).stream())
          },
        )
        app.get('/redirects', async (request, reply) => {
          await work(served, request)
          return reply.redirect('/elsewhere')
        })
      },
      { forceCloseConnections: true },
    )
  })
  afterEach(() => served.app.close())

  it.each([
    ['/not-here', 404],
    ['/fails', 500],
    ['/hook-fails', 500],
    ['/hijack', 200],
    ['/times-out', 503],
    ['/stream', 200],
    ['/deferred', 200],
    ['/redirects', 302],
  ])('%s', async (path, status) => {
    const response = await served.fetch(path)
    await response.text()
    expect(response.status).toBe(status)
    await expect.poll(() => told(served)).toEqual(['Post.author 10'])
    // Nothing comes behind it, also not when the connection is closed.
    await served.app.close()
    expect(told(served)).toEqual(['Post.author 10'])
  })

  it.each(protocols.filter(({ isHttp2, name }) => !isHttp2 && name.startsWith('GET')))(
    'whose client leaves: $name',
    async ({ request }) => {
      const client = await request(served.port, '/leaves')
      await entered.promise
      client.leave()
      await expect.poll(() => told(served)).toEqual(['Post.author 10'])
      await served.app.close()
      expect(told(served)).toEqual(['Post.author 10'])
    },
  )
})
