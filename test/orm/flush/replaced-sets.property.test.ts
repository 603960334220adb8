import fc from 'fast-check'
import { expect, it } from 'vitest'
import { integer, table, text } from '../../../orm/index.ts'
import { testDatabase } from '../../support/database.ts'

class Slot extends table('slots', {
  id: integer().primaryKey(),
  code: text().nullable().unique(),
  note: text().default(''),
  aboveId: integer()
    .nullable()
    .references(() => Slot),
}) {}

const { database, query, truncate } = await testDatabase([Slot])

interface Row {
  readonly id: number
  readonly code: string | null
  readonly note: string
  readonly aboveId: number | null
}

const codes = ['a', 'b', 'c', 'd', 'e', 'f']

/** Rows with different keys and codes, each of which may be below another one of them. */
const tables = fc
  .record({
    ids: fc.shuffledSubarray([1, 2, 3, 4, 5, 6], { minLength: 1 }),
    codes: fc.shuffledSubarray(codes, { minLength: 6 }),
    nulls: fc.array(fc.nat({ max: 3 }), { minLength: 6, maxLength: 6 }),
    notes: fc.array(fc.constantFrom('', 'x'), { minLength: 6, maxLength: 6 }),
    above: fc.array(fc.option(fc.nat({ max: 5 })), { minLength: 6, maxLength: 6 }),
  })
  .map(({ ids, codes: order, nulls, notes, above }): Row[] =>
    ids.map((id, index) => ({
      id,
      code: nulls[index] === 0 ? null : (order[index] ?? null),
      note: notes[index] ?? '',
      aboveId: ids[(above[index] ?? 9) % 10] ?? null,
    })),
  )

const stored = (): Promise<Row[]> =>
  query<Row & Record<string, unknown>>(
    'select id, code, note, above_id as "aboveId" from slots order by id',
  )

/** Whether PostgreSQL lets the row be deleted: no other row refers to it before and after. */
function mayReplace(id: number, before: readonly Row[], after: readonly Row[]): boolean {
  return !before.some(
    (row) =>
      row.aboveId === id && after.some((other) => other.id === row.id && other.aboveId === id),
  )
}

it('a flush turns any rows into any others, whatever they free and take', async () => {
  const replaced = fc.subarray([1, 2, 3, 4, 5, 6])
  await fc.assert(
    fc.asyncProperty(tables, tables, replaced, async (before, after, ids) => {
      await truncate()
      await database.run((session) => session.add(before.map((row) => new Slot(row))))
      await using session = database.session()
      const held = new Map((await session.find(Slot).toList()).map((slot) => [slot.id, slot]))
      for (const row of after) {
        const slot = held.get(row.id)
        if (slot !== undefined && !(ids.includes(row.id) && mayReplace(row.id, before, after))) {
          Object.assign(slot, row)
          continue
        }
        if (slot !== undefined) session.delete(slot)
        session.add(new Slot(row))
      }
      for (const [id, slot] of held) if (!after.some((row) => row.id === id)) session.delete(slot)
      await session.commit()
      expect(await stored()).toEqual(after.toSorted((a, b) => a.id - b.id))
      expect(session.hasUnsaved).toBe(false)
    }),
    { numRuns: 150 },
  )
})
