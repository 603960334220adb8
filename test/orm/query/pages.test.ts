import { beforeAll, describe, expect, expectTypeOf, it } from 'vitest'
import {
  belongsTo,
  count,
  Database,
  hasMany,
  integer,
  joinedload,
  selectinload,
  type Page,
  sql,
  table,
  text,
  timestamptz,
} from '../../../orm/index.ts'
import { testDatabase } from '../../support/database.ts'
import { coded } from '../../support/failure.ts'
import { recordSession } from '../../support/recorder.ts'

class Owner extends table('owners', {
  id: integer().primaryKey(),
  name: text(),
  things: () => hasMany(Thing, 'ownerId'),
}) {}

class Thing extends table('things', {
  id: integer().primaryKey(),
  at: timestamptz().nullable(),
  rank: integer().nullable(),
  ownerId: integer()
    .nullable()
    .references(() => Owner),
  owner: () => belongsTo(Owner, 'ownerId'),
}) {}

const { database, query, url } = await testDatabase([Owner, Thing])
const rows = 10_000

beforeAll(async () => {
  await query(`insert into owners select n, 'owner ' || n from generate_series(1, 50) n`)
  // Few different moments, microseconds, nulls, ties.
  await query(`insert into things (id, at, rank, owner_id)
    select n, case when n % 7 = 0 then null else timestamptz '2024-02-29 12:00:00+00' + (n % 40) * interval '3 microseconds' end,
      case when n % 5 = 0 then null else n % 11 end, case when n % 3 = 0 then null else n % 50 + 1 end
    from generate_series(1, ${rows}) n`)
})

type Things = ReturnType<typeof things>
const things = (from: Database = database) => from.session().find(Thing)

const orders: readonly [string, (query: Things) => Things][] = [
  ['the key alone', (all) => all],
  ['equal moments and nulls', (all) => all.orderBy((row) => row.at.desc())],
  [
    'nulls elsewhere',
    (all) => all.orderBy((row) => [row.at.desc().nullsLast(), row.rank.asc().nullsFirst()]),
  ],
  [
    'mixed directions',
    (all) => all.orderBy((row) => [row.rank.asc(), row.at.desc(), row.id.desc()]),
  ],
  ['a relation to one row', (all) => all.orderBy((row) => [row.owner.name.desc(), row.at.asc()])],
]

describe('pages', () => {
  it.each(orders)('give every row once, in the order of the query: %s', async (_, ordered) => {
    const expected = await ordered(things()).limit(rows).page()
    const found: number[] = []
    let after: string | null | undefined
    let pages = 0
    do {
      const page = await ordered(things()).limit(997).page({ after })
      found.push(...page.items.map(({ id }) => id))
      after = page.next
      pages += 1
      expect(page.previous === null).toBe(pages === 1)
    } while (after !== null)
    expect(pages).toBe(Math.ceil(rows / 997))
    expect(found).toEqual(expected.items.map(({ id }) => id))
  })

  it.each(orders)('lead back to the first page: %s', async (_, ordered) => {
    const forward = await ordered(things()).limit(60).page()
    const second = await ordered(things())
      .limit(20)
      .page({ after: (await ordered(things()).limit(40).page()).next })
    expect(second.items.map(({ id }) => id)).toEqual(forward.items.slice(40).map(({ id }) => id))
    const back = await ordered(things()).limit(15).page({ before: second.previous })
    expect(back.items.map(({ id }) => id)).toEqual(forward.items.slice(25, 40).map(({ id }) => id))
    const first = await ordered(things()).limit(100).page({ before: back.previous })
    expect(first.items.map(({ id }) => id)).toEqual(forward.items.slice(0, 25).map(({ id }) => id))
    expect(first.previous).toBeNull()
    const again = await ordered(things()).limit(5).page({ after: first.next })
    expect(again.items.map(({ id }) => id)).toEqual(forward.items.slice(25, 30).map(({ id }) => id))
  })
})

describe('a page', () => {
  it('has the total of all pages, in one exchange', async () => {
    await using session = database.session()
    const before = session.stats.queryCount
    const chosen = session.find(Thing).filter((row) => row.rank.eq(3))
    const page = await chosen.limit(2).page({ total: true })
    expect(session.stats.queryCount - before).toBe(2)
    expect(page.total).toBe(await chosen.count())
    const next = await chosen.limit(2).page({ after: page.next, total: true })
    expect(next.total).toBe(page.total)
    expectTypeOf(page.total).toEqualTypeOf<number>()
    expectTypeOf((await chosen.limit(2).page()).total).toEqualTypeOf<undefined>()
  })

  it('loads relations, by joins too, and is written as JSON with them', async () => {
    const page = await things()
      .options(joinedload(Thing.owner))
      .orderBy((row) => row.id.desc())
      .limit(3)
      .page({
        before: (
          await things()
            .orderBy((row) => row.id.desc())
            .limit(9)
            .page()
        ).next,
      })
    expect(page.items.map(({ id }) => id)).toEqual([9995, 9994, 9993])
    expect(page.items.map(({ owner }) => owner.value?.id ?? null)).toEqual([46, 45, null])
    const json = JSON.parse(JSON.stringify(page)) as { items: object[] }
    expect(json.items[0]).toMatchObject({ id: 9995, owner: { id: 46, name: 'owner 46' } })
    expect(json.items).toHaveLength(3)
  })

  it('loads nothing for the row of the next page', async () => {
    await using recorder = recordSession(url)
    const page = await recorder.session
      .find(Owner)
      .options(selectinload(Owner.things))
      .orderBy((row) => row.id.desc())
      .limit(3)
      .page()
    expect(page.items.map(({ id }) => id)).toEqual([50, 49, 48])
    const owners = recorder.operations.flatMap(({ operation }) =>
      operation.kind === 'relationship' ? [operation.owners.length] : [],
    )
    expect(owners).toEqual([3])
  })

  it('of groups, of distinct rows and of a union goes on where it ended', async () => {
    const groups = things()
      .groupBy((row) => row.rank)
      .select((row) => ({ rank: row.rank, n: count() }))
      .orderBy((row) => row.n.desc())
    const first = await groups.limit(3).page({ total: true })
    expect(first.total).toBe(12)
    const rest = await groups.limit(20).page({ after: first.next })
    expect(new Set([...first.items, ...rest.items].map(({ rank }) => rank)).size).toBe(12)
    const names = things()
      .select((row) => ({ name: row.owner.name }))
      .distinct()
    const one = await names.limit(10).page()
    const all = await names.limit(100).page({ after: one.next })
    expect(new Set([...one.items, ...all.items].map(({ name }) => name)).size).toBe(51)
    const ids = things()
      .filter((row) => row.id.lt(6))
      .select((row) => ({ id: row.id }))
    const both = ids.union(
      things()
        .filter((row) => row.id.gt(9995))
        .select((row) => ({ id: row.id })),
    )
    const start = await both
      .orderBy((row) => row.id.desc())
      .limit(7)
      .page()
    const end = await both
      .orderBy((row) => row.id.desc())
      .limit(7)
      .page({ after: start.next })
    expect(end.items.map(({ id }) => id)).toEqual([3, 2, 1])
    expect(end.next).toBeNull()
  })

  it('that is empty leads back', async () => {
    const last = await things()
      .limit(1)
      .orderBy((row) => row.id.desc())
      .page()
    const newest = things()
      .orderBy((row) => row.id.asc())
      .filter((row) => row.id.gte(rows))
    const only = await newest.limit(1).page()
    expect(only).toMatchObject({ next: null, previous: null })
    const token = (
      await things()
        .orderBy((row) => row.id.asc())
        .limit(rows - 1)
        .page()
    ).next
    const end = await things()
      .filter((row) => row.id.lt(rows))
      .limit(5)
      .page({ after: token })
    expect(end).toMatchObject({ items: [], next: null })
    const back = await things().limit(2).page({ before: end.previous })
    expect(back.items.map(({ id }) => id)).toEqual([rows - 2, rows - 1])
    expect(last.items.map(({ id }) => id)).toEqual([rows])
  })

  it('gives each row once while others insert and delete', async () => {
    await query(
      'create table if not exists events (id integer primary key, at timestamptz not null)',
    )
    class Event extends table('events', { id: integer().primaryKey(), at: timestamptz() }) {}
    await query(
      `insert into events select n * 10, timestamptz '2024-01-01' from generate_series(1, 2000) n`,
    )
    const found: number[] = []
    let after: string | null = null
    let made = 0
    do {
      const page: Page<Event> = await database
        .session()
        .find(Event)
        .orderBy((event) => event.at.desc())
        .limit(100)
        .page({ after })
      found.push(...page.items.map(({ id }) => id))
      after = page.next
      made += 1
      await query(
        `insert into events values (${made}, '2024-01-01'), (${made * 97 + 1}, '2024-01-01') on conflict do nothing`,
      )
      await query(`delete from events where id = ${found[0]} or id = ${found.at(-1)}`)
    } while (after !== null)
    expect(new Set(found).size).toBe(found.length)
    expect(found.filter((id) => id % 10 === 0)).toHaveLength(2000)
  })
})

describe('a token', () => {
  const newest = (from: Database = database) =>
    things(from)
      .orderBy((row) => row.at.desc())
      .limit(10)
  const refused = coded('DATA_BRIDGE_ERR_INVALID_VALUE', 'expected a token of a page of this query')

  it('shows no value, and is the same for the same page', async () => {
    const { next } = await newest().page()
    expect(next).toMatch(/^[\w-]+$/)
    expect(Buffer.from(next ?? '', 'base64url').toString('latin1')).not.toContain('2024')
    expect((await newest().page()).next).toBe(next)
  })

  it('is refused with a 400 if it was changed, made up, or belongs to another query', async () => {
    const { next } = await newest().page()
    const token = next ?? ''
    for (let at = 0; at < token.length; at += 7) {
      const other = token[at] === 'A' ? 'B' : 'A'
      const changed = token.slice(0, at) + other + token.slice(at + 1)
      await expect(newest().page({ after: changed })).rejects.toThrow(refused)
    }
    for (const made of [
      '',
      'x',
      token.slice(1),
      `${token}A`,
      ` ${token}`,
      'a'.repeat(100_000),
      [token],
      { token },
      1,
    ])
      await expect(newest().page({ after: made as never })).rejects.toThrow(refused)
    const other = things()
      .orderBy((row) => row.rank.desc())
      .limit(10)
    await expect(other.page({ after: token })).rejects.toThrow(refused)
    const owners = database.session().find(Owner).limit(10)
    await expect(owners.page({ before: token })).rejects.toThrow(refused)
    await expect(newest().after('nonsense').toList()).rejects.toThrow(refused)
  })

  it('opens with the secret that sealed it, also after it was replaced', async () => {
    const [old, fresh] = ['o', 'f'].map((letter) => letter.repeat(32)) as [string, string]
    const of = (pageSecret: string | string[]) =>
      new Database({ connectionString: url, pageSecret })
    await using before = of(old)
    await using between = of([fresh, old])
    await using behind = of(fresh)
    const { next } = await newest(before).page()
    const page = await newest(between).page({ after: next })
    expect(page.items).toHaveLength(10)
    await expect(newest(behind).page({ after: next })).rejects.toThrow(refused)
    expect((await newest(behind).page({ after: page.next })).items).toHaveLength(10)
    expect(() => of('short')).toThrow(coded('DATA_BRIDGE_ERR_OPTION', 'pageSecret expected'))
  })

  it('serves a query without page(): its rows, their number, and values', async () => {
    const { next, items } = await newest().page()
    const after = newest().after(next)
    const rest = await after.toList()
    expect(rest.map(({ id }) => id)).toEqual(
      (await newest().page({ after: next })).items.map(({ id }) => id),
    )
    expect(
      await things()
        .orderBy((row) => row.at.desc())
        .after(next)
        .count(),
    ).toBe(rows - items.length)
    expect((await after.select((row) => ({ id: row.id })).first())?.id).toBe(rest[0]?.id)
    expect(await newest().after(null).toList()).toHaveLength(10)
    expect(await newest().after(undefined).first()).toMatchObject({ id: items[0]?.id })
  })
})

it.each<[string, (all: Things) => Promise<unknown>, string]>([
  ['no limit', (all) => all.page(), 'expected a limit() from 1'],
  ['an offset', (all) => all.limit(1).offset(1).page(), 'expected no offset()'],
  ['both tokens', (all) => all.limit(1).page({ after: 'a', before: 'b' }), 'got both'],
  ['a lock', (all) => all.limit(1).forUpdate().page(), 'expected no forUpdate()'],
  [
    'own SQL as an order',
    (all) =>
      all
        .orderBy((row) => sql`${row.id} desc`)
        .limit(1)
        .page(),
    'your own SQL',
  ],
  [
    'the first of each kind',
    (all) =>
      all
        .distinct((row) => row.rank)
        .limit(1)
        .page(),
    'expected select()',
  ],
  [
    'rows without a key',
    (all) => {
      const ids = all.select((row) => ({ rank: row.rank }))
      return ids.unionAll(ids).limit(1).page()
    },
    'got rows without a key',
  ],
  ['unknown options', (all) => all.limit(1).page({ size: 3 } as never), 'size'],
])('a page refuses %s', async (_, page, message) => {
  await expect((async () => page(things()))()).rejects.toThrow(message)
})
