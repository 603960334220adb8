import fc from 'fast-check'
import Fastify from 'fastify'
import { describe, expect, it } from 'vitest'
import type { SessionStats } from '../../../orm/index.ts'
import { setCostHeaders } from '../../../plugin/response-headers.ts'

type Costs = Pick<SessionStats, 'queryCount' | 'durationMs'>

const statsOf = (costs: Costs): SessionStats => ({ ...costs, savedQueries: 0, findings: [] })

/** The headers of a response that had these before, and whose costs were set so many times. */
async function headersOf(
  costs: readonly Costs[],
  serverTiming?: string | string[],
): Promise<Record<string, unknown>> {
  await using app = Fastify()
  app.get('/', async (_request, reply) => {
    if (serverTiming !== undefined) reply.header('server-timing', serverTiming)
    for (const each of costs) setCostHeaders(reply, statsOf(each))
    return 'ok'
  })
  return (await app.inject('/')).headers
}

const costs = fc.record({
  queryCount: fc.nat({ max: 1_000_000 }),
  durationMs: fc.double({ min: 0, max: 1e9, noNaN: true }),
})
const token = fc
  .stringMatching(/^[A-Za-z][A-Za-z0-9!#$&*+.^_|~-]{0,8}$/)
  .filter((name) => name !== 'db')
const quoted = fc.stringMatching(/^[ !#-[\]-~]{0,12}$/).map((text) => `"${text}"`)
const entry = fc
  .tuple(
    token,
    fc.option(fc.nat({ max: 99 }), { nil: undefined }),
    fc.option(quoted, { nil: undefined }),
  )
  .map(([name, duration, description]) =>
    [
      name,
      ...(duration === undefined ? [] : [`dur=${duration}`]),
      ...(description === undefined ? [] : [`desc=${description}`]),
    ].join(';'),
  )

describe('the headers', () => {
  it('say one query, and several queries', async () => {
    expect(await headersOf([{ queryCount: 1, durationMs: 8.44 }])).toMatchObject({
      'x-db-query-count': '1',
      'x-db-time-ms': '8.4',
      'server-timing': 'db;dur=8.4;desc="1 query"',
    })
    expect(await headersOf([{ queryCount: 11, durationMs: 0 }])).toMatchObject({
      'x-db-query-count': '11',
      'x-db-time-ms': '0.0',
      'server-timing': 'db;dur=0.0;desc="11 queries"',
    })
  })

  it('are decimal numbers, whatever the costs', async () => {
    await fc.assert(
      fc.asyncProperty(costs, async (each) => {
        const headers = await headersOf([each])
        expect(headers['x-db-query-count']).toBe(String(each.queryCount))
        expect(headers['x-db-time-ms']).toMatch(/^\d+\.\d$/)
        expect(Math.abs(Number(headers['x-db-time-ms']) - each.durationMs)).toBeLessThan(0.051)
      }),
      { numRuns: 30 },
    )
  })

  it('come once, with the last costs, however often they are set', async () => {
    const several = fc.array(costs, { minLength: 1, maxLength: 4 })
    await fc.assert(
      fc.asyncProperty(several, async (all) => {
        expect(await headersOf(all)).toEqual({
          ...(await headersOf(all.slice(-1))),
          date: expect.anything() as unknown,
        })
      }),
      { numRuns: 30 },
    )
  })
})

describe('server-timing', () => {
  it('keeps every entry of the application, in its order, before its own', async () => {
    const entries = fc.array(entry, { minLength: 1, maxLength: 4 })
    await fc.assert(
      fc.asyncProperty(entries, fc.boolean(), async (all, asList) => {
        const headers = await headersOf(
          [
            { queryCount: 2, durationMs: 1 },
            { queryCount: 3, durationMs: 1 },
          ],
          asList ? all : all.join(', '),
        )
        expect(headers['server-timing']).toBe([...all, 'db;dur=1.0;desc="3 queries"'].join(', '))
      }),
      { numRuns: 40 },
    )
  })
})
