import { beforeEach, describe, expect, it } from 'vitest'
import type { CommitOn, DataBridgeOptions } from '../../../plugin/index.ts'
import { testDatabase } from '../../support/database.ts'
import { blog, user } from '../../support/entities.ts'
import { names, serve, type Served, watchForLeaks } from '../serve.ts'

const stored = await testDatabase(blog)
const { database, query } = stored
watchForLeaks(stored)
beforeEach(stored.truncate)

/** `POST /:status` writes ann and answers with that status; `/route` does it with a commitOn of its own. */
const serving = (
  commitOn?: DataBridgeOptions['commitOn'],
  ofRoute: CommitOn = () => true,
): Promise<Served> =>
  serve({ database, ...(commitOn && { commitOn }) }, (app) => {
    app.post<{ Params: { status: string } }>('/:status', async (request, reply) => {
      request.session.add(user('ann'))
      return reply.code(Number(request.params.status)).send('answered')
    })
    app.post<{ Params: { status: string } }>(
      '/route/:status',
      { config: { dataBridge: { commitOn: ofRoute } } },
      async (request, reply) => {
        request.session.add(user('ann'))
        return reply.code(Number(request.params.status)).send('answered')
      },
    )
  })

const post = (served: Served, path: string): Promise<Response> =>
  served.fetch(path, { method: 'POST' })

describe('without commitOn', () => {
  it.each([
    [200, true],
    [399, true],
    [400, false],
    [500, false],
  ])('%i is committed: %s', async (status, isCommitted) => {
    await using served = await serving()
    expect((await post(served, `/${status}`)).status).toBe(status)
    expect(await names(query)).toEqual(isCommitted ? ['ann'] : [])
  })
})

describe('commitOn of the application', () => {
  it('decides by the reply', async () => {
    await using served = await serving((_request, reply) => reply.statusCode === 409)
    expect((await post(served, '/200')).status).toBe(200)
    expect(await names(query)).toEqual([])
    expect((await post(served, '/409')).status).toBe(409)
    expect(await names(query)).toEqual(['ann'])
  })

  it('decides by the request', async () => {
    await using served = await serving((request) => request.headers['x-keep'] === 'yes')
    await served.fetch('/200', { method: 'POST' })
    expect(await names(query)).toEqual([])
    await served.fetch('/200', { method: 'POST', headers: { 'x-keep': 'yes' } })
    expect(await names(query)).toEqual(['ann'])
  })

  it('leaves the response alone when it says no: 200 and nothing saved', async () => {
    await using served = await serving(() => false)
    const response = await post(served, '/200')
    expect([response.status, await response.text()]).toEqual([200, 'answered'])
    // The flush is what the commit would have done.
    expect(response.headers.get('x-db-query-count')).toBe('0')
    expect(await names(query)).toEqual([])
  })

  it('is never asked about an error', async () => {
    let asked = 0
    const commitOn = (): boolean => (asked += 1) > 0
    await using served = await serve({ database, commitOn }, (app) => {
      app.setErrorHandler((_error, _request, reply) => reply.code(200).send('all is well'))
      app.post('/', async ({ session }) => {
        session.add(user('ann'))
        throw new Error('boom')
      })
    })
    expect((await post(served, '/')).status).toBe(200)
    expect(asked).toBe(0)
    expect(await names(query)).toEqual([])
  })

  it('is not asked about a request without a session', async () => {
    let asked = 0
    const commitOn = (): boolean => (asked += 1) > 0
    await using served = await serve({ database, commitOn }, (app) => {
      app.get('/', async () => 'fine')
    })
    expect((await served.fetch('/')).status).toBe(200)
    expect(asked).toBe(0)
  })
})

describe('commitOn of a route', () => {
  it('is asked instead of that of the application', async () => {
    await using served = await serving(
      () => false,
      (_request, reply) => reply.statusCode === 422,
    )
    await post(served, '/route/200')
    expect(await names(query)).toEqual([])
    expect((await post(served, '/route/422')).status).toBe(422)
    expect(await names(query)).toEqual(['ann'])
  })

  it('belongs to the route alone', async () => {
    await using served = await serving(undefined, () => false)
    await post(served, '/route/200')
    expect(await names(query)).toEqual([])
    await post(served, '/200')
    expect(await names(query)).toEqual(['ann'])
  })
})

describe('a commitOn that is broken', () => {
  const broken: [string, CommitOn, RegExp][] = [
    [
      'throws',
      () => {
        throw new Error('commitOn is broken')
      },
      /commitOn is broken/,
    ],
    [
      'throws what is no error',
      () => {
        // oxlint-disable-next-line typescript/only-throw-error -- what applications do
        throw 'a string'
      },
      /a string/,
    ],
    [
      'gives a promise, which would always be true',
      (async () => false) as unknown as CommitOn,
      /commitOn expected to return true or false; it returned an object of Promise/,
    ],
    [
      'gives nothing',
      (() => undefined) as unknown as CommitOn,
      /commitOn expected to return true or false; it returned undefined/,
    ],
  ]

  it.each(broken)('is a 500 and rolls back where it %s', async (_what, commitOn, stack) => {
    await using served = await serving(commitOn, commitOn)
    for (const path of ['/200', '/route/200']) {
      const response = await post(served, path)
      expect(response.status).toBe(500)
      expect(await response.text()).not.toContain('answered')
      expect(await names(query)).toEqual([])
    }
    expect(served.logs.find(({ err }) => err !== undefined)?.err?.stack).toMatch(stack)
  })
})
