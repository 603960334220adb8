import fc from 'fast-check'
import { expect, it } from 'vitest'
import { testDatabase } from '../../../support/database.ts'
import { feeds, openLane, send } from './lanes.ts'
import { type Act, createTable, Model, partOf, seen } from './model.ts'

const { url } = await testDatabase()

const name = fc.constantFrom(undefined, 'a', 'b')
const act: fc.Arbitrary<Act> = fc.oneof(
  fc.record({
    kind: fc.constant('echo' as const),
    value: fc.string({ unit: 'grapheme', maxLength: 40 }).filter((text) => !text.includes('\0')),
    name,
  }),
  fc.record({ kind: fc.constant('series' as const), count: fc.nat(40), name }),
  fc.record({ kind: fc.constant('insert' as const), value: fc.nat(1000), name }),
  fc.record({
    kind: fc.constantFrom('stored', 'begin', 'commit', 'rollback', 'notice', 'empty'),
  }),
  fc.record({
    kind: fc.constant('fail' as const),
    how: fc.constantFrom('parse', 'bind', 'execute'),
  }),
)
const exchanges = fc.array(fc.array(act, { maxLength: 8 }), { minLength: 1, maxLength: 6 })

// The names a and b stand for several texts, on purpose.
it.each(feeds)('does what PostgreSQL does with any exchanges, by %s', async (feed) => {
  const { lane } = await openLane(url, feed)
  await send(lane, createTable)
  await fc.assert(
    fc.asyncProperty(exchanges, async (list) => {
      await send(lane, 'rollback')
      await send(lane, 'truncate stored')
      const model = new Model()
      for (const acts of [...list, [{ kind: 'stored' } as const]]) {
        const expected = model.exchange(acts)
        const outcome = await send(lane, ...acts.map(partOf))
        expect(seen(outcome)).toEqual(expected)
        expect(outcome.isInTransaction).toBe(model.status !== 'I')
      }
    }),
    { numRuns: 200 },
  )
})
