import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { FindingMessage, NPlusOneChannels } from '../../../orm/index.ts'
import { Cooldown } from '../../../plugin/cooldown.ts'
import type { DataBridgeOptions } from '../../../plugin/index.ts'
import { user } from '../../support/entities.ts'
import { coded } from '../../support/failure.ts'
import { recordWarnings } from '../../support/warnings.ts'
import { startTracing, takeSpans } from '../../telemetry/traced.ts'
import { serve, type Served } from '../serve.ts'
import { blogOfTen, findingLines, loadAuthors, told } from './blog-of-ten.ts'

startTracing()
const { url, query } = await blogOfTen()
const warnings = recordWarnings()
afterEach(() => vi.unstubAllEnvs())
beforeEach(() => void takeSpans())

const messages: FindingMessage[] = []
const take = (message: unknown): void => void messages.push(message as FindingMessage)
beforeEach(() => {
  messages.length = 0
  subscribe('data-bridge:n-plus-one', take)
})
afterEach(() => void unsubscribe('data-bridge:n-plus-one', take))

const serving = (options: Partial<DataBridgeOptions> = {}): Promise<Served> =>
  serve({ connectionString: url, headers: true, ...options }, (app) => {
    app.get('/authors/:id', ({ session }) => loadAuthors(session))
    app.get('/other', ({ session }) => loadAuthors(session))
    app.get('/five', async () => {
      for (let index = 0; index < 5; index += 1) await app.dataBridge.run((job) => loadAuthors(job))
    })
    app.post('/saves', async ({ session }) => {
      session.add(user('eve'))
      await loadAuthors(session)
      return 'saved'
    })
  })

const spanOf = () => takeSpans().find(({ name }) => name === 'request')

/** Where a request has told what was found. */
async function channelsOf(channels: NPlusOneChannels | undefined): Promise<readonly string[]> {
  await using served = await serving({ nPlusOne: { channels } })
  const { headers } = await served.fetch('/authors/1')
  expect(headers.get('x-db-query-count')).toBe('11')
  const span = spanOf()
  expect(span?.attributes['db.request.query_count']).toBe(11)
  return [
    ...(headers.has('x-db-n-plus-one') ? ['headers'] : []),
    ...(told(served).length > 0 ? ['log'] : []),
    ...(span?.attributes['db.n_plus_one.findings'] === undefined ? [] : ['span']),
    ...(messages.length > 0 ? ['diagnostics'] : []),
  ]
}

describe('nPlusOne.channels', () => {
  const all = ['headers', 'log', 'span', 'diagnostics']
  it.each([undefined, {}, { log: true }])('are all by default: %j', async (channels) => {
    expect(await channelsOf(channels)).toEqual(all)
  })

  it.each(all)('can be without %s', async (name) => {
    expect(await channelsOf({ [name]: false })).toEqual(all.filter((each) => each !== name))
  })

  it.each([
    [{ console: true }, 'nPlusOne.channels has no option console'],
    [{ log: 1 }, 'nPlusOne.channels.log expected true or false, got'],
    ['log', 'nPlusOne.channels expected an object, got'],
  ])('are refused: %j', async (channels, message) => {
    const nPlusOne = { channels } as DataBridgeOptions['nPlusOne']
    await expect(serving({ nPlusOne })).rejects.toThrow(coded('DATA_BRIDGE_ERR_OPTION', message))
  })
})

describe('diagnostics_channel', () => {
  it('has each finding once, with its request', async () => {
    await using served = await serving()
    await served.fetch('/authors/7')
    expect(messages).toEqual([
      {
        finding: expect.objectContaining({ kind: 'n1.relation', target: 'Post.author', count: 10 }),
        request: { id: 'req-1', method: 'GET', route: '/authors/:id' },
      },
    ])
  })
})

describe('the span of a request', () => {
  it('has an event for each finding, with its place and what it costs', async () => {
    await using served = await serving()
    await served.fetch('/authors/7')
    const span = spanOf()
    expect(span?.attributes).toMatchObject({
      'db.request.query_count': 11,
      'db.n_plus_one.findings': 1,
    })
    const [event, ...others] = span?.events ?? []
    expect(others).toEqual([])
    expect(event?.name).toBe('db.n_plus_one')
    expect(event?.attributes).toEqual({
      'db.n_plus_one.kind': 'n1.relation',
      'db.n_plus_one.target': 'Post.author',
      'db.n_plus_one.count': 10,
      'db.n_plus_one.suggestion': 'find(Post).options(selectinload(Post.author))',
      'db.n_plus_one.avoidable_ms': expect.any(Number) as number,
      'code.file.path': 'test/plugin/reports/blog-of-ten.ts',
      'code.line.number': expect.any(Number) as number,
    })
  })
})

describe('the log', () => {
  it('says what, where, for which list, what to write instead, what that saves, and the statement', async () => {
    await using served = await serving()
    await served.fetch('/authors/7')
    const [line] = findingLines(served)
    const place = String.raw`test/plugin/reports/blog-of-ten\.ts:\d+:\d+ in loadAuthors`
    expect(line?.msg).toMatch(
      new RegExp(
        String.raw`^N\+1: Post\.author was loaded by 10 queries, one by one, for the 10 rows of find\(Post\) \(${place}\), at ${place}; instead: find\(Post\)\.options\(selectinload\(Post\.author\)\); saves about 9 queries and [\d.]+ ms; sql: select … from "users" as "t0" where "t0"\."id" = \$1$`,
      ),
    )
    expect(line).toHaveProperty(['nPlusOne', 'sql'])
  })

  it('has three lines for a request, and one with the number of the others', async () => {
    await using served = await serving()
    await served.fetch('/five')
    expect(told(served)).toEqual([...Array<string>(3).fill('Post.author 10'), 'more 2'])
    expect(messages).toHaveLength(5)
  })

  it('has no SQL in production, and one line a minute for a pattern of a route', async () => {
    vi.stubEnv('NODE_ENV', 'production')
    await using served = await serving()
    for (const path of ['/authors/1', '/authors/2', '/other', '/authors/3', '/other'])
      expect((await served.fetch(path)).headers.has('x-db-n-plus-one')).toBe(true)
    expect(told(served)).toEqual(['Post.author 10', 'Post.author 10'])
    expect(messages).toHaveLength(5)
    for (const line of findingLines(served)) {
      expect(line).not.toHaveProperty(['nPlusOne', 'sql'])
      expect(line.msg).not.toMatch(/select .*from/)
    }
  })
})

describe('a cooldown', () => {
  it('lets a text pass again after its time', () => {
    const cooldown = new Cooldown(60)
    const passes = [0, 59, 60, 100, 120].map((now) => cooldown.passes('text', now))
    expect(passes).toEqual([true, false, true, false, true])
    expect(cooldown.passes('other', 120)).toBe(true)
  })

  it('forgets the oldest of many', () => {
    const cooldown = new Cooldown(60)
    for (let index = 0; index <= 1000; index += 1) cooldown.passes(String(index), 0)
    expect(cooldown.passes('1000', 1)).toBe(false)
    expect(cooldown.passes('0', 1)).toBe(true)
  })
})

describe('O13: who throws while findings are told', () => {
  const saved = async (): Promise<number> =>
    (await query(`select from users where name = 'eve'`)).length

  it('as a logger does not change the request, nor keep others from hearing', async () => {
    await using served = await serve({ connectionString: url }, (app) => {
      app.post('/saves', async ({ session, log }) => {
        log.warn = () => {
          throw new Error('the disk is full')
        }
        session.add(user('eve'))
        await loadAuthors(session)
      })
    })
    expect((await served.fetch('/saves', { method: 'POST' })).status).toBe(200)
    expect(await saved()).toBe(1)
    expect(messages).toHaveLength(1)
    expect(spanOf()?.events).toHaveLength(1)
    expect(await warnings()).toEqual(['DATA_BRIDGE_OBSERVER'])
  })

  it('as a subscriber does not change the request: Node makes it an uncaught exception', async () => {
    const thrown: unknown[] = []
    const throwing = (): never => {
      throw new Error('a subscriber is broken')
    }
    await using served = await serving()
    subscribe('data-bridge:n-plus-one', throwing)
    process.setUncaughtExceptionCaptureCallback((error) => thrown.push(error))
    try {
      expect((await served.fetch('/saves', { method: 'POST' })).status).toBe(200)
    } finally {
      process.setUncaughtExceptionCaptureCallback(null)
      unsubscribe('data-bridge:n-plus-one', throwing)
    }
    expect(thrown).toEqual([new Error('a subscriber is broken')])
    expect(await saved()).toBe(1)
    expect(told(served)).toEqual(['Post.author 10'])
    expect(await warnings()).toEqual([])
  })
})
