import { setTimeout } from 'node:timers/promises'
import { beforeEach, expect, it } from 'vitest'
import { integer, or, type Session, sql, table, text } from '../../../orm/index.ts'
import { type Compiled, StatementCache } from '../../../orm/sql/statement.ts'
import { connect, testDatabase } from '../../support/database.ts'
import { blog, Post, user, User } from '../../support/entities.ts'
import { coded } from '../../support/failure.ts'
import { recordWire, type WireRecorder } from '../../support/recorder.ts'

// Entities of their own: what was compiled is remembered for as long as the process lives.
const fresh = (name: string) =>
  class Fresh extends table(name, {
    id: integer().primaryKey().generated(),
    name: text(),
    age: integer().nullable(),
  }) {}
const Find = fresh('find')
const Insert = fresh('insert')
const Update = fresh('update')
const Altered = fresh('altered')

const { url, query, truncate } = await testDatabase([...blog, Find, Insert, Update, Altered])
beforeEach(truncate)

it('sends one text for one shape, and prepares it from its second use on', async () => {
  await using wire = recordWire(url, { max: 1 })
  for (const ids of [[1], [1, 2, 3], [], [7]]) {
    await wire.database.run((session) =>
      session
        .find(Find)
        .filter({ id: ids }, (row) => row.age.gt(ids.length))
        .orderBy((row) => row.id.asc())
        .limit(ids.length)
        .toList(),
    )
  }
  expect(new Set(wire.texts).size).toBe(1)
  const [first, ...later] = wire.queries.map(({ name }) => name)
  expect(first).toBeUndefined()
  expect(new Set(later)).toEqual(new Set([expect.stringMatching(/^data_bridge_[0-9a-f]{24}$/)]))
  await using session = wire.database.session()
  const prepared = await session.execute<{ statement: string }>(
    sql`select statement from pg_prepared_statements`,
  )
  expect(prepared.map(({ statement }) => statement)).toEqual([wire.texts[0]])
})

it('sends another text for another shape', async () => {
  await using wire = recordWire(url)
  await wire.database.run(async (session) => {
    const find = session.find(Find)
    await find.filter({ id: 1 }).toList()
    await find.filter({ id: null as never }).toList()
    await find.filter({ age: 1 }).toList()
    await find.filter({ id: 1, age: 1 }).toList()
    await find.filter((row) => or(row.id.eq(1), row.age.eq(1))).toList()
    await find.filter((row) => row.id.ne(1)).toList()
    await find.limit(1).toList()
    await find.offset(1).toList()
    await find.orderBy((row) => row.id.asc()).toList()
    await find.orderBy((row) => row.id.desc()).toList()
    await find.filter(() => sql`true`).toList()
    await find.filter(() => sql`true and true`).toList()
    await find.count()
    await find.exists()
  })
  expect(new Set(wire.texts).size).toBe(14)
})

it('inserts any number of rows with one text, and a single one with another', async () => {
  await using wire = recordWire(url)
  for (const rows of [2, 3, 50, 1, 1]) {
    await wire.database.run((session) =>
      session.add(Array.from({ length: rows }, () => new Insert({ name: 'x' }))),
    )
  }
  const inserts = wire.queries.filter(({ text }) => text.startsWith('insert'))
  expect(inserts).toHaveLength(5)
  expect(new Set(inserts.map(({ text }) => text)).size).toBe(2)
  expect(inserts.map(({ values }) => values.length)).toEqual([2, 2, 2, 2, 2])
})

it('updates any number of rows with one text, where the same columns change', async () => {
  await using wire = recordWire(url)
  await wire.database.run(async (session) => {
    const rows = Array.from({ length: 20 }, () => new Update({ name: 'x' }))
    session.add(rows)
    await session.flush()
    wire.clear()
    for (const many of [2, 20, 5]) {
      rows.slice(0, many).forEach((row) => (row.name += '!'))
      await session.flush()
    }
  })
  const updates = wire.texts.filter((text) => /^(?:with written .* as \()?update /.test(text))
  expect(updates).toHaveLength(3)
  expect(new Set(updates).size).toBe(1)
})

it('loads relations with one text, however many keys there are', async () => {
  await using wire = recordWire(url)
  await wire.database.run(async (session) => {
    const users = ['a', 'b', 'c'].map((name) => user(name))
    session.add(users.map((author) => new Post({ title: 'T', author })))
    await session.commit()
  })
  wire.clear()
  for (const name of ['a', 'b', 'c']) {
    await wire.database.run(async (session) => {
      const one = await session.find(User).filter({ name }).one()
      await one.posts
    })
  }
  expect(new Set(wire.texts).size).toBe(2)
})

it('prepares nothing for transaction control', async () => {
  await using wire = recordWire(url)
  for (let time = 0; time < 3; time += 1) {
    await wire.database.transaction((session) => session.transaction(() => undefined))
  }
  expect(wire.texts.slice(0, 4)).toEqual([
    'begin',
    'savepoint data_bridge_2',
    'release savepoint data_bridge_2',
    'commit',
  ])
  expect(wire.queries.every(({ name }) => name === undefined)).toBe(true)
})

const selecting = (what: string | number): Compiled => ({
  text: `select ${what}`,
  kind: 'read',
  summary: 'SELECT',
  tables: [],
})

it('keeps a limited number of compiled statements, and forgets the oldest', () => {
  const cache = new StatementCache()
  const build = (shape: string) => cache.get(shape, () => selecting(`'${shape}'`))
  for (let index = 0; index < 501; index += 1) build(`${index}`)
  expect(build('0').name).toBeUndefined()
  expect(build('500').name).toBeDefined()
})

it('goes on where a column has got another type since it was prepared', async () => {
  await using wire = recordWire(url, { max: 1 })
  const find = (session: Session) => session.find(Altered).filter({ id: 1 }).toList()
  const prepare = async (): Promise<void> => {
    for (let time = 0; time < 3; time += 1) await wire.database.run(find)
  }
  await prepare()
  await query('alter table altered alter age type bigint')
  expect(await wire.database.run(find)).toEqual([])
  await prepare()
  await query('alter table altered alter age type integer')
  // Nothing of the transaction was executed: it begins once more.
  expect(await wire.database.transaction(find)).toEqual([])
  await prepare()
  await query('alter table altered alter age type bigint')
  const later = async (session: Session): Promise<unknown> => {
    await session.find(Find).limit(1).toList()
    return find(session)
  }
  await expect(wire.database.transaction(later)).rejects.toThrow(
    coded('DATA_BRIDGE_ERR_STATEMENT', 'cached plan'),
  )
  expect(await wire.database.transaction(later)).toEqual([])
  await prepare()
  await query('alter table altered alter age type integer')
  // The whole work runs again.
  expect(await wire.database.transaction(later, { retries: 1 })).toEqual([])
})

it('goes on where what was prepared is gone', async () => {
  await using wire = recordWire(url, { max: 1 })
  const find = (session: Session) => session.find(Find).limit(9).toList()
  for (let time = 0; time < 3; time += 1) await wire.database.run(find)
  await wire.database.run((session) => session.execute(sql`deallocate all`))
  expect(await wire.database.run(find)).toEqual([])
})

it('loses no work where a second statement of a transaction is outdated too', async () => {
  const prepare = async ({ database }: WireRecorder): Promise<void> => {
    for (let time = 0; time < 3; time += 1) {
      await database.transaction(async (session) => {
        session.add(new Insert({ name: 'a' }))
        await session.flush()
      })
    }
  }
  const find = (session: Session) => session.find(Find).limit(8).toList()
  await using other = recordWire(url, { max: 1 })
  for (let time = 0; time < 3; time += 1) await other.database.run(find)
  const { name } = other.queries.at(-1)!
  await using wire = recordWire(url, { max: 1 })
  await prepare(wire)
  await wire.pool.query('deallocate all')
  await wire.pool.query(`prepare "${name}" as select 1`)
  const stored = async () => (await query('select from insert')).length
  const before = await stored()
  const both = wire.database.transaction(async (session) => {
    session.add(new Insert({ name: 'b' }))
    await session.flush()
    return find(session)
  })
  // Whoever has taken the name: it is closed before it is prepared.
  expect(await both).toEqual([])
  expect(await stored()).toBe(before + 1)
})

it('lets a statement that is repeated take as long as any other', async () => {
  await using wire = recordWire(url, { max: 1 })
  await query(`insert into altered (name) values ('a')`)
  const find = (session: Session) => session.find(Altered).forUpdate().toList()
  for (let time = 0; time < 3; time += 1) await wire.database.transaction(find)
  await query('alter table altered alter age type integer')
  await query('alter table altered alter age type bigint')
  await using other = await connect(url)
  await other.query('begin')
  await other.query('select from altered for update')
  const finding = wire.database.transaction(find)
  // Longer than a ROLLBACK may take.
  await setTimeout(1300)
  await other.query('commit')
  expect(await finding).toMatchObject([{ name: 'a' }])
})

it.each([
  ['are gone', sql`deallocate all`],
  ['have other columns', sql`alter table altered alter age type numeric`],
])('prepares again what %s since SQL of the same session', async (_, change) => {
  await using wire = recordWire(url, { max: 1 })
  const find = (session: Session) => session.find(Altered).filter({ name: 'z' }).toList()
  for (let time = 0; time < 3; time += 1) await wire.database.run(find)
  const changing = wire.database.run(async (session) => {
    await session.execute(change)
    return find(session)
  })
  expect(await changing).toEqual([])
})

it('tries a transaction again in which a prepared statement was outdated', async () => {
  await using wire = recordWire(url, { max: 1 })
  const find = (session: Session) => session.find(Altered).filter({ name: 'y' }).toList()
  for (let time = 0; time < 3; time += 1) await wire.database.run(find)
  await query('alter table altered alter age type text')
  let attempts = 0
  const later = async (session: Session): Promise<unknown> => {
    attempts += 1
    await session.find(Find).limit(1).toList()
    return find(session)
  }
  expect(await wire.database.transaction(later, { retries: 1 })).toEqual([])
  expect(attempts).toBe(2)
})
