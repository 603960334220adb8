import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Entity } from '../../../orm/entity/entity.ts'
import { slicesOf } from '../../../orm/flush/slices.ts'
import { testDatabase } from '../../support/database.ts'
import { blog, User } from '../../support/entities.ts'
import { recordWire } from '../../support/recorder.ts'

const { query, url } = await testDatabase(blog)

const whole = (lengths: readonly number[]) => ({
  entities: lengths.map((_, row) => ({ row }) as unknown as Entity),
  values: [lengths.map((length) => 'x'.repeat(length)), lengths.map((_, row) => row)],
})

describe('slicesOf', () => {
  it('is one slice where all of it can be sent at once', () => {
    const rows = whole([1, 2, 3])
    expect(slicesOf(rows)).toEqual([rows])
    expect(slicesOf(rows)[0]).toBe(rows)
  })

  it('cuts rows in their order, none of them, and no slice is larger than needed', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 300 }), { minLength: 1 }), (lengths) => {
        const rows = whole(lengths)
        const slices = slicesOf(rows, 200)
        expect(slices.flatMap(({ entities }) => entities)).toEqual(rows.entities)
        for (const column of [0, 1])
          expect(slices.flatMap(({ values }) => values[column] ?? [])).toEqual(rows.values[column])
        for (const { entities, values } of slices) {
          const size = (values[0] ?? []).reduce<number>((sum, text) => sum + String(text).length, 0)
          expect(size <= 200 || entities.length === 1).toBe(true)
        }
      }),
    )
  })

  it('makes several statements of very many bytes, in one transaction', async () => {
    await using wire = recordWire(url)
    const rows = ['a', 'b', 'c', 'd', 'e'].map((email) => ({ name: 'x'.repeat(4_000_000), email }))
    const users = await wire.database.run((session) => session.insertMany(User, rows))
    expect(users.map(({ id }) => id)).toEqual([1, 2, 3, 4, 5])
    const ignored = await wire.database.run((session) =>
      session.insertMany(User, rows, { onConflict: { on: ['email'], update: ['name'] } }),
    )
    expect(ignored.map(({ id }) => id)).toEqual([1, 2, 3, 4, 5])
    expect(wire.texts.map((text) => text.slice(0, 6))).toEqual([
      'begin',
      'insert',
      'insert',
      'commit',
      'begin',
      'with g',
      'with g',
      'commit',
    ])
    expect(await query('select email from users order by id')).toHaveLength(5)
  })
})
