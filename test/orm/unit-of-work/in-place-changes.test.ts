import { beforeEach, describe, expect, it } from 'vitest'
import {
  array,
  bytea,
  date,
  integer,
  json,
  jsonb,
  table,
  text,
  timestamptz,
} from '../../../orm/index.ts'
import { testDatabase } from '../../support/database.ts'
import { recordWire } from '../../support/recorder.ts'

class Thing extends table('things', {
  id: integer().primaryKey().generated(),
  name: text().default('x'),
  bytes: bytea(),
  numbers: array(integer().nullable()),
  grid: array(array(integer())),
  times: array(timestamptz()),
  files: array(bytea()),
  days: array(date()),
  doc: jsonb<any>(),
  plain: json<unknown[]>(),
  documents: array(jsonb<{ n: number[] }>()),
  at: timestamptz().nullable(),
}) {}

const { query, truncate, url } = await testDatabase([Thing])
beforeEach(truncate)

const made = (): Thing =>
  new Thing({
    bytes: Buffer.from([1, 2, 3]),
    numbers: [1, null, 3],
    grid: [
      [1, 2],
      [3, 4],
    ],
    times: [new Date('2020-01-01'), new Date('2021-01-01')],
    files: [Buffer.from([1]), Buffer.from([2, 3])],
    days: ['2020-01-01'],
    doc: { list: [[1, [2]], { deep: { deeper: ['a'] } }], at: new Date('2020-01-01'), big: 'x' },
    plain: [{ a: 1 }, [1, 2]],
    documents: [{ n: [1] }, { n: [2] }],
    at: new Date('2020-01-01'),
  })

const changes: [string, (thing: Thing) => void, column: string, expected: unknown][] = [
  ['a byte', ({ bytes }) => (bytes[1] = 9), 'bytes', Buffer.from([1, 9, 3])],
  [
    'a byte, through another view of the same memory',
    ({ bytes }) => (new Uint8Array(bytes.buffer, bytes.byteOffset, 2)[0] = 8),
    'bytes',
    Buffer.from([8, 2, 3]),
  ],
  ['an item', ({ numbers }) => (numbers[1] = 2), 'numbers', [1, 2, 3]],
  ['an item that is added', ({ numbers }) => numbers.push(null), 'numbers', [1, null, 3, null]],
  ['fewer items', ({ numbers }) => (numbers.length = 0), 'numbers', []],
  [
    'an item of an inner array',
    ({ grid }) => (grid[1]![0] = 7),
    'grid',
    [
      [1, 2],
      [7, 4],
    ],
  ],
  ['a row of an array of arrays', ({ grid }) => grid.pop(), 'grid', [[1, 2]]],
  [
    'a Date in an array',
    ({ times }) => times[1]!.setUTCFullYear(2022),
    'times',
    [new Date('2020-01-01'), new Date('2022-01-01')],
  ],
  [
    'a byte in an array',
    ({ files }) => (files[1]![0] = 9),
    'files',
    [Buffer.from([1]), Buffer.from([9, 3])],
  ],
  [
    'the order of an array',
    ({ days }) => days.unshift('2019-01-01'),
    'days',
    ['2019-01-01', '2020-01-01'],
  ],
  [
    'an item deep in a document',
    ({ doc }) => doc.list[1].deep.deeper.push('b'),
    'doc',
    expect.objectContaining({ list: [[1, [2]], { deep: { deeper: ['a', 'b'] } }] }),
  ],
  [
    'an array in an array of a document',
    ({ doc }) => (doc.list[0][1][0] = 5),
    'doc',
    expect.objectContaining({ list: [[1, [5]], { deep: { deeper: ['a'] } }] }),
  ],
  ['an item of a json array', ({ plain }) => plain.push(null), 'plain', [{ a: 1 }, [1, 2], null]],
  [
    'a document in an array',
    ({ documents }) => documents[1]!.n.push(3),
    'documents',
    [{ n: [1] }, { n: [2, 3] }],
  ],
  ['a Date', ({ at }) => at!.setUTCDate(2), 'at', new Date('2020-01-02')],
]

/** The columns that a change makes the session write. */
async function written(thing: 'read' | 'new', change: (thing: Thing) => void): Promise<string[]> {
  await using wire = recordWire(url)
  await using session = wire.database.session()
  const added = made()
  session.add(added)
  await session.commit()
  let changed = added
  if (thing === 'read') {
    await session.rollback()
    changed = await session.find(Thing).one()
  }
  wire.clear()
  change(changed)
  await session.commit()
  await session.commit()
  const updates = wire.texts.filter((each) => each.includes('update "things"'))
  expect(updates.length).toBeLessThanOrEqual(1)
  const [, sets = ''] = / set (.*?) where/.exec(updates[0] ?? '') ?? []
  return [...sets.matchAll(/"(\w+)" =/g)].map(([, name]) => name ?? '')
}

describe.each(['read', 'new'] as const)('of an entity that was %s, changed in place,', (thing) => {
  it.each(changes)('%s is written, and nothing else', async (_, change, column, expected) => {
    expect(await written(thing, change)).toEqual([column])
    const [row] = await query('select *, days::text[] as days from things')
    expect(row?.[column]).toEqual(expected)
  })

  it('what is as it was is not written', async () => {
    const change = (each: Thing): void => {
      each.bytes[0] = 1
      each.bytes = new Uint8Array(each.bytes)
      each.numbers = [...each.numbers]
      each.grid.reverse().reverse()
      each.times[0]!.setTime(each.times[0]!.getTime())
      each.documents[0]!.n.push(1)
      each.documents[0]!.n.pop()
      each.doc.list[1] = structuredClone(each.doc.list[1])
    }
    expect(await written(thing, change)).toEqual([])
  })
})

it('a Date in a document of a stored entity is written, and when it changes before the flush', async () => {
  await using wire = recordWire(url)
  await using session = wire.database.session()
  const thing = made()
  session.add(thing)
  await session.commit()
  wire.clear()
  await session.commit()
  expect(wire.texts).toEqual([])
  const at = new Date('2020-01-01')
  thing.doc.at = at
  await session.commit()
  expect(wire.texts).toEqual([]) // the same text
  at.setUTCFullYear(2030)
  await session.commit()
  expect(wire.texts).toHaveLength(3)
  await session.commit()
  expect(wire.texts).toHaveLength(3)
  expect(await query(`select doc ->> 'at' as at from things`)).toEqual([
    { at: '2030-01-01T00:00:00.000Z' },
  ])
})
