import { describe, expect, it } from 'vitest'
import {
  array,
  integer,
  jsonb,
  real,
  smallint,
  table,
  text,
  timestamptz,
} from '../../../orm/index.ts'
import { testDatabase } from '../../support/database.ts'
import { columnsOf, optional, samePoints, typeNames, Wide } from './every-type.ts'
import { hostile } from './hostile-values.ts'

/** Some of its columns are left to PostgreSQL, or to the declaration. */
class Partial extends table('partial', {
  id: integer().primaryKey().generated(),
  at: timestamptz({ precision: 6 }).defaultNow(),
  tags: array(text()).default(['a', 'NULL']),
  meta: jsonb<unknown>().default({ list: [1] }),
  matrix: array(array(smallint())).nullable(),
  rough: real().nullable(),
}) {}

class Times extends table('times', {
  id: integer().primaryKey().generated(),
  times: array(timestamptz({ precision: 6 }).nullable()),
  pairs: array(array(timestamptz({ precision: 6 }))).default([]),
}) {}

const { database, query, truncate } = await testDatabase([Wide, Partial, Times])

expect.addEqualityTesters([samePoints])

type Values = Record<string, unknown>

/** A value of each type, another one for each row; of the columns that may be NULL some are, and some left out. */
function mixedValues(row: number): Values {
  const values: Values = {}
  for (const [place, name] of typeNames.entries()) {
    const all: readonly unknown[] = hostile[name]
    values[name] = all[row % all.length]
    const kind = (row + place) % 3
    if (kind > 0) values[optional(name)] = kind === 1 ? null : all[(row + 1) % all.length]
  }
  return values
}

function completed(values: Values): Values {
  const missing = typeNames.map(optional).filter((name) => !Object.hasOwn(values, name))
  return { ...values, ...Object.fromEntries(missing.map((name) => [name, null])) }
}

async function insert(rows: readonly Values[]): Promise<Wide[]> {
  const entities = rows.map((values) => new Wide(values as never))
  await database.run((session) => session.add(entities))
  return entities
}

async function read(): Promise<Values[]> {
  const rows = await database.run((session) =>
    session
      .find(Wide)
      .orderBy(({ id }) => id.asc())
      .toList(),
  )
  return rows.map((row) => {
    const { id, ...values } = columnsOf(row)
    expect(id).toBeTypeOf('number')
    return values
  })
}

const stored = () => query("select (to_jsonb(wide) - 'id')::text as row from wide order by id")

describe.each([2, 3, 100])('%d rows of one flush', (count) => {
  const rows = Array.from({ length: count }, (_, row) => mixedValues(row))

  it('have their own values, the same as rows that are inserted one by one', async () => {
    await truncate()
    const entities = await insert(rows)
    expect(await read()).toEqual(rows.map(completed))
    expect(entities).toMatchObject(rows)
    const batched = await stored()
    await truncate()
    for (const values of rows) await insert([values])
    expect(await stored()).toEqual(batched)
  })

  it('change columns of their own, and keep the others', async () => {
    await truncate()
    await insert(rows)
    const changes = rows.map((_, row): Values => {
      const next = mixedValues(row + 3)
      return Object.fromEntries(
        Object.entries(next).filter((__, place) => (place * 7 + row) % 5 < 2),
      )
    })
    await database.run(async (session) => {
      const entities = await session
        .find(Wide)
        .orderBy(({ id }) => id.asc())
        .toList()
      const before = session.stats.queryCount
      entities.forEach((entity, row) => Object.assign(entity, changes[row]))
      await session.flush()
      const written = session.stats.queryCount
      expect(written).toBe(before + 1)
      await session.flush()
      expect(session.stats.queryCount).toBe(written)
    })
    expect(await read()).toEqual(
      rows.map((values, row) => ({ ...completed(values), ...changes[row] })),
    )
  })
})

describe('rows that leave columns to their defaults', () => {
  const given: readonly Values[] = [
    {},
    { tags: [] },
    { meta: [], at: new Date(0) },
    {
      matrix: [
        [1, 2],
        [3, 4],
      ],
    },
    { matrix: [], rough: 0.1, tags: ['NULL', ''] },
    {},
    { matrix: [[5]], meta: 'NULL' },
  ]

  it('have them beside rows that do not', async () => {
    const entities = given.map((values) => new Partial(values))
    await database.run((session) => session.add(entities))
    const rows = await database.run((session) =>
      session
        .find(Partial)
        .orderBy(({ id }) => id.asc())
        .toList(),
    )
    const byId = new Map(rows.map((row) => [row.id, row]))
    for (const [index, values] of given.entries()) {
      const entity = entities[index] as Partial
      const defaults = {
        at: expect.any(Date) as Date,
        tags: ['a', 'NULL'],
        meta: { list: [1] },
        matrix: null,
        rough: null,
      }
      expect(columnsOf(byId.get(entity.id))).toEqual({ id: entity.id, ...defaults, ...values })
      expect(columnsOf(entity)).toEqual(columnsOf(byId.get(entity.id)))
    }
  })

  it('share no object', () => {
    const [one, other] = [new Partial({}), new Partial({})]
    one.tags.push('b')
    ;(one.meta as { list: number[] }).list.push(2)
    expect(other).toMatchObject({ tags: ['a', 'NULL'], meta: { list: [1] } })
  })
})

describe.each([1, 2])('an array of Dates that changes, in %d rows', (count) => {
  const micros = [
    '2024-01-01 00:00:00.000001',
    '2024-01-02 00:00:00.000002',
    '2024-01-03 00:00:00.000003',
  ]
  const [a, b, c] = micros as [string, string, string]
  const x = new Date('2025-01-01T00:00:00.000Z')

  it.each<[string, (list: (Date | null)[]) => unknown, (string | null)[]]>([
    ['push', (list) => list.push(x, null), [a, b, c, '2025-01-01 00:00:00', null]],
    ['unshift', (list) => list.unshift(x), ['2025-01-01 00:00:00', a, b, c]],
    ['shift', (list) => list.shift(), [b, c]],
    ['pop', (list) => list.pop(), [a, b]],
    ['splice', (list) => list.splice(1, 1), [a, c]],
    ['set', (list) => (list[1] = x), [a, '2025-01-01 00:00:00', c]],
    ['clear', (list) => list.splice(0), []],
    [
      'repeat',
      (list) => list.push(...list),
      [a, b, c, '2024-01-01 00:00:00', '2024-01-02 00:00:00', '2024-01-03 00:00:00'],
    ],
  ])('keeps the microseconds of the others: %s', async (_, change, expected) => {
    await truncate()
    await query(
      `insert into times (times, pairs) select times, array[times, times]
       from generate_series(1, $1), (select $2::timestamp[]::timestamptz[] as times) as given`,
      [count, micros],
    )
    await database.run(async (session) => {
      for (const row of await session.find(Times).toList()) {
        change(row.times)
        if (row.pairs[1]) row.pairs[1][0] = x
      }
    })
    const rows = await query(
      `select times::timestamp[]::text[] as times, pairs[1:1]::timestamp[]::text[] as first from times`,
    )
    expect(rows).toEqual(
      Array.from({ length: count }, () => ({ times: expected, first: [micros] })),
    )
  })
})
