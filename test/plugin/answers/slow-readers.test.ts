import { Readable } from 'node:stream'
import { expect, it } from 'vitest'
import type { TimeLimits } from '../../../orm/index.ts'
import type { DataBridgeRouteOptions } from '../../../plugin/index.ts'
import { sessionOptionsOf } from '../../../plugin/route-options.ts'
import { testDatabase } from '../../support/database.ts'
import { blog, user } from '../../support/entities.ts'
import { names, serve, type Served, watchForLeaks } from '../serve.ts'

const stored = await testDatabase(blog)
const { database, query } = stored
watchForLeaks(stored)

/** A stream that has written, and that its reader never reads to its end. */
const serving = (route: DataBridgeRouteOptions): Promise<Served> =>
  serve({ database }, (app) => {
    app.get('/', { config: { dataBridge: route } }, async ({ session }, reply) => {
      session.add(user(String(Math.random())))
      await session.flush()
      const bytes = function* (): Generator<string> {
        for (;;) yield 'x'.repeat(65_536)
      }
      return reply.send(Readable.from(bytes()))
    })
  })

it('slow readers of deferred streams give their connections back when the time is over', async () => {
  await using served = await serving({ stream: 'deferred', timeouts: { transaction: 300 } })
  const responses = await Promise.all(Array.from({ length: 5 }, () => served.fetch('/')))
  expect(responses.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200])
  await expect.poll(() => database.usage.total - database.usage.idle).toBe(0)
  for (const { body } of responses) await body?.cancel().catch(() => undefined)
  expect(await names(query)).toEqual([])
})

it.each<[string, DataBridgeRouteOptions, TimeLimits, TimeLimits | undefined]>([
  ['a minute by default', { stream: 'deferred' }, {}, { transaction: 60_000 }],
  [
    'a minute beside other limits',
    { stream: 'deferred', timeouts: { statement: 7 } },
    {},
    { statement: 7, transaction: 60_000 },
  ],
  [
    'the limit of its route',
    { stream: 'deferred', timeouts: { transaction: 7 } },
    {},
    { transaction: 7 },
  ],
  ['the limit of its database', { stream: 'deferred' }, { transaction: 7 }, undefined],
  ['none where the stream comes after the commit', { stream: 'before' }, {}, undefined],
])('the transaction of a stream has %s', (_what, route, usual, timeouts) => {
  expect(sessionOptionsOf(route, usual).timeouts).toEqual(timeouts)
})
