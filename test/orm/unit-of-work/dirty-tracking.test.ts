import { beforeEach, expect, it } from 'vitest'
import {
  boolean,
  double,
  integer,
  jsonb,
  numeric,
  table,
  text,
  timestamptz,
  uuid,
} from '../../../orm/index.ts'
import { testDatabase } from '../../support/database.ts'
import { coded } from '../../support/failure.ts'
import { recordWire } from '../../support/recorder.ts'

interface Settings {
  theme: string
  tags: string[]
  nested?: { on: boolean } | null
}

class Doc extends table('docs', {
  id: integer().primaryKey().generated(),
  title: text(),
  settings: jsonb<Settings>(),
  at: timestamptz(),
  size: double().nullable(),
  price: numeric({ precision: 8, scale: 2 }).nullable(),
  open: boolean().default(false),
  token: uuid().nullable(),
}) {}

const { database, query, truncate, url } = await testDatabase([Doc])
const at = new Date('2020-01-01T00:00:00Z')

beforeEach(async () => {
  await truncate()
  await query(
    `insert into docs (title, settings, at, size, price, token)
     values ('one', '{"theme": "dark", "tags": ["a", "b"], "nested": {"on": true}}', $1, 'NaN', 1.5,
             '0190b0c4-8d2e-7c3a-9a41-3f0a6c1d2e4f')`,
    [at],
  )
})

/** The statements that a change to the row causes, and the row that it leaves behind. */
async function afterChange(
  change: (doc: Doc) => void,
): Promise<{ updates: string[]; row: unknown }> {
  await using wire = recordWire(url)
  await wire.database.run(async (session) => {
    const doc = await session.find(Doc).one()
    wire.clear()
    change(doc)
  })
  const [row] = await query('select * from docs')
  // UPDATE is in a WITH that checks its rows, since COMMIT follows in the same exchange.
  const guarded = /^with written \(c0\) as \((update .*?)(?: returning 1)?\) select /
  const updates = wire.texts
    .map((text) => guarded.exec(text)?.[1] ?? text)
    .filter((text) => text.startsWith('update'))
  return { updates, row }
}

it('writes nothing where nothing has changed', async () => {
  await using wire = recordWire(url)
  await wire.database.run(async (session) => {
    await session.find(Doc).one()
    await session.flush()
    await session.commit()
  })
  expect(wire.texts).toEqual([expect.stringMatching(/^select/)])
})

it.each<[string, (doc: Doc) => void]>([
  ['the same value', (doc) => (doc.title = 'one')],
  ['an equal date', (doc) => (doc.at = new Date(at))],
  [
    'an equal object with its keys in another order',
    (doc) => {
      doc.settings = { nested: { on: true }, tags: ['a', 'b'], theme: 'dark' }
    },
  ],
  [
    'a change that is taken back',
    (doc) => {
      doc.settings.tags.push('c')
      doc.settings.tags.pop()
      doc.title = 'two'
      doc.title = 'one'
    },
  ],
  ['NaN again', (doc) => (doc.size = Number.NaN)],
  ['the same UUID in capitals', (doc) => (doc.token = doc.token?.toUpperCase() ?? null)],
  ['a property that is no column', (doc) => Object.assign(doc, { extra: 1 })],
])('writes nothing for %s', async (_, change) => {
  expect((await afterChange(change)).updates).toEqual([])
})

it.each<[string, (doc: Doc) => void, object]>([
  ['a new value', (doc) => (doc.title = 'two'), { title: 'two' }],
  ['null', (doc) => (doc.size = null), { size: null }],
  ['a date changed in place', (doc) => doc.at.setUTCFullYear(2021), { at: new Date('2021-01-01') }],
  [
    'a list changed in place',
    (doc) => doc.settings.tags.push('c'),
    {
      settings: { theme: 'dark', tags: ['a', 'b', 'c'], nested: { on: true } },
    },
  ],
  [
    'a key set in place',
    (doc) => (doc.settings.nested = null),
    {
      settings: { theme: 'dark', tags: ['a', 'b'], nested: null },
    },
  ],
  [
    'a key deleted in place',
    (doc) => delete doc.settings.nested,
    {
      settings: { theme: 'dark', tags: ['a', 'b'] },
    },
  ],
  [
    'a key set to undefined, which JSON does not have',
    (doc) => (doc.settings.nested = undefined as never),
    {
      settings: { theme: 'dark', tags: ['a', 'b'] },
    },
  ],
  [
    'another order of a list',
    (doc) => doc.settings.tags.reverse(),
    {
      settings: { theme: 'dark', tags: ['b', 'a'], nested: { on: true } },
    },
  ],
  [
    'a value inside',
    (doc) => (doc.settings.nested = { on: false }),
    {
      settings: { theme: 'dark', tags: ['a', 'b'], nested: { on: false } },
    },
  ],
  ['minus zero', (doc) => (doc.size = -0), { size: -0 }],
])('writes %s, and only the changed column', async (_, change, expected) => {
  const { updates, row } = await afterChange(change)
  expect(row).toMatchObject(expected)
  const [name = ''] = Object.keys(expected)
  // What is stored as it was sent need not come back.
  const returning = name === 'title' ? '' : ` returning "${name}"`
  expect(updates).toEqual([`update "docs" set "${name}" = $2 where "id" = $1${returning}`])
})

it('sees a change that is made after a flush, and each change once', async () => {
  await using session = database.session()
  const doc = await session.find(Doc).one()
  for (const theme of ['a', 'b']) {
    doc.settings.theme = theme
    const before = session.stats.queryCount
    await session.flush()
    await session.flush()
    expect(session.stats.queryCount).toBe(before + 1)
  }
  await session.commit()
  expect(await query(`select settings ->> 'theme' as theme from docs`)).toEqual([{ theme: 'b' }])
})

it('keeps a change that is made while its flush is under way', async () => {
  await using session = database.session()
  const doc = await session.find(Doc).one()
  doc.title = 'sent'
  doc.settings.tags.push('sent')
  const flushing = session.flush()
  doc.title = 'later'
  doc.settings.tags.push('later')
  await flushing
  expect(doc.title).toBe('later')
  await session.commit()
  expect(await query(`select title, settings -> 'tags' as tags from docs`)).toEqual([
    { title: 'later', tags: ['a', 'b', 'sent', 'later'] },
  ])
})

it('writes with the next flush what is added and deleted while one is under way', async () => {
  await using session = database.session()
  const doc = await session.find(Doc).one()
  const added = (title: string) => new Doc({ title, settings: { theme: 'x', tags: [] }, at })
  session.add(added('first'))
  const flushing = session.flush()
  session.add(added('second'))
  session.delete(doc)
  await flushing
  await session.commit()
  expect(await query('select title from docs order by id')).toEqual([
    { title: 'first' },
    { title: 'second' },
  ])
})

it('keeps a change that is made to a new entity while it is inserted', async () => {
  await using session = database.session()
  const doc = new Doc({ title: 'sent', settings: { theme: 'x', tags: [] }, at, price: '1.5' })
  session.add(doc)
  const flushing = session.flush()
  doc.title = 'later'
  doc.price = '2.5'
  await flushing
  expect([doc.title, doc.price, doc.open]).toEqual(['later', '2.5', false])
  await session.commit()
  expect(await query('select title, price from docs where id = $1', [doc.id])).toEqual([
    { title: 'later', price: '2.50' },
  ])
})

it.each<[string, (doc: Doc) => void, 'TYPE' | 'INVALID_VALUE', string]>([
  [
    'a value of another type',
    (doc) => (doc.title = 5 as never),
    'TYPE',
    'Doc.title expected a string',
  ],
  ['null where there is none', (doc) => (doc.title = null as never), 'INVALID_VALUE', 'got null'],
  ['undefined', (doc) => (doc.size = undefined as never), 'TYPE', 'got undefined'],
  ['a deleted property', (doc) => Reflect.set(doc, 'open', undefined), 'TYPE', 'got undefined'],
  [
    'an invalid date',
    (doc) => doc.at.setTime(Number.NaN),
    'INVALID_VALUE',
    'expected a valid Date',
  ],
  ['a circle', (doc) => Object.assign(doc.settings, { self: doc.settings }), 'TYPE', 'JSON'],
])('refuses %s, and sends nothing', async (_, change, code, message) => {
  await using session = database.session()
  const doc = await session.find(Doc).one()
  change(doc)
  const refused = coded(`DATA_BRIDGE_ERR_${code}`, message)
  await expect(session.flush()).rejects.toThrow(refused)
  await expect(session.commit()).rejects.toThrow(refused)
  expect(session.stats.queryCount).toBe(1)
  await session.rollback()
})

it('refuses another primary key for a stored row', async () => {
  await using session = database.session()
  const doc = await session.find(Doc).one()
  doc.id = 7
  await expect(session.flush()).rejects.toThrow(
    coded('DATA_BRIDGE_ERR_FLUSH', 'Doc.id is the primary key of a stored row'),
  )
  doc.id = 1
  doc.title = 'two'
  await session.commit()
  expect(await query('select id, title from docs')).toEqual([{ id: 1, title: 'two' }])
})
