import { beforeEach, describe, expect, it } from 'vitest'
import { type DataBridgeError, integer, type Session, table, text } from '../../../orm/index.ts'
import type { Entity } from '../../../orm/entity/entity.ts'
import { connect, testDatabase } from '../../support/database.ts'
import { coded } from '../../support/failure.ts'
import { recordWire } from '../../support/recorder.ts'

class Account extends table('accounts', {
  id: integer().primaryKey().generated(),
  name: text().unique(),
  amount: integer().default(0),
}) {}
class Place extends table('places', {
  floor: integer().primaryKey(),
  code: text().primaryKey(),
  note: text().default(''),
}) {}
class Word extends table('words', { id: integer().primaryKey(), word: text().unique() }) {}
class Ledger extends table('a_ledger', {
  id: integer().primaryKey().generated(),
  total: integer().default(0),
}) {}

const { database, query, truncate, url } = await testDatabase([Account, Place, Word, Ledger])
const count = 20

beforeEach(async () => {
  await truncate()
  // In another order than that of the keys.
  await query(`
    insert into accounts (id, name) select n, 'name ' || n from generate_series(1, ${count}) n order by n % 7, n;
    insert into places select n % 4, 'c' || n, '' from generate_series(1, ${count}) n order by n % 7, n;
    insert into a_ledger (total) values (0), (0)`)
})

/** The entities in one order, or in the opposite one. */
async function loaded(session: Session, isReversed: boolean): Promise<Account[]> {
  const accounts = await session
    .find(Account)
    .orderBy((account) => account.id.asc())
    .toList()
  return isReversed ? accounts.toReversed() : accounts
}

async function loadedOneByOne(session: Session, isReversed: boolean): Promise<Account[]> {
  const found: Account[] = []
  for (let id = 1; id <= count; id += 1)
    found.push(await session.getOrThrow(Account, isReversed ? count + 1 - id : id))
  return found
}

describe('a statement of a flush locks the first row by key before it locks another one', () => {
  const first = { accounts: 'id = 1', places: `floor = 0 and code = 'c12'` }

  it.each<[string, keyof typeof first, (session: Session) => Promise<unknown>]>([
    [
      'an update',
      'accounts',
      async (session) => {
        for (const account of await loadedOneByOne(session, true)) account.amount += 1
      },
    ],
    [
      'an update of a unique column',
      'accounts',
      async (session) => {
        for (const account of await loadedOneByOne(session, true)) account.name += '!'
      },
    ],
    [
      'a deletion',
      'accounts',
      async (session) => session.delete(await loadedOneByOne(session, true)),
    ],
    [
      'an update by a composite key',
      'places',
      async (session) => {
        for (const place of await session.find(Place).toList()) place.note = 'changed'
      },
    ],
    [
      'a deletion by a composite key',
      'places',
      async (session) => session.delete(await session.find(Place).toList()),
    ],
  ])('%s', async (_, name, change) => {
    await using blocker = await connect(url)
    await blocker.query('begin')
    await blocker.query(`select from ${name} where ${first[name]} for update`)
    const work = database.run(change)
    await expect
      .poll(() =>
        query(
          `select from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()`,
        ),
      )
      .toHaveLength(1)
    await using other = await connect(url)
    const free = await other.query(`select from ${name} for update skip locked`)
    expect(free.rowCount).toBe(count - 1)
    await blocker.query('rollback')
    await work
  })
})

describe('two sessions at once', () => {
  it('that change the same rows in opposite orders never deadlock', async () => {
    const rounds = Array.from({ length: 25 }, (_, round) => round)
    const change = async (isReversed: boolean): Promise<void> => {
      for (const round of rounds)
        await database.run(async (session) => {
          const accounts =
            round % 2 === 0
              ? await loaded(session, isReversed)
              : await loadedOneByOne(session, isReversed)
          // Some rows move, so that the order in the table is always another one.
          accounts.forEach((account, index) => {
            if (index % 3 !== round % 3) account.amount += 1
          })
        })
    }
    await Promise.all([change(true), change(false)])
    const [row] = await query<{ total: number }>('select sum(amount)::int as total from accounts')
    expect(row?.total).toBeGreaterThan(0)
  })

  it('that change two tables in opposite orders never deadlock', async () => {
    const change = async (isReversed: boolean): Promise<void> => {
      for (let round = 0; round < 25; round += 1)
        await database.run(async (session) => {
          const load = [
            async () => {
              for (const ledger of await session.find(Ledger).toList()) ledger.total += 1
            },
            async () => {
              for (const account of await loaded(session, isReversed)) account.amount += 1
            },
          ]
          for (const each of isReversed ? load.toReversed() : load) await each()
        })
    }
    await Promise.all([change(true), change(false)])
    expect(await query('select from accounts where amount > 0')).toHaveLength(count)
  })

  it('that delete the same rows in opposite orders never deadlock: one of them is too late', async () => {
    const remove = (isReversed: boolean): Promise<void> =>
      database.run(async (session) => session.delete(await loaded(session, isReversed)))
    const results = await Promise.allSettled([remove(true), remove(false)])
    expect(reasonsOf(results).map(({ code }) => code)).not.toContain('DATA_BRIDGE_ERR_DEADLOCK')
    expect(await query('select from accounts')).toEqual([])
  })

  it('that insert the same unique values in opposite orders never deadlock: one of them is refused', async () => {
    for (let round = 0; round < 10; round += 1) {
      const words = Array.from({ length: 300 }, (_, index) => `${round} ${index}`)
      const insert = (offset: number, texts: readonly string[]): Promise<void> =>
        database.run((session) =>
          session.add(
            texts.map((word, index) => new Word({ id: round * 1000 + offset + index, word })),
          ),
        )
      const results = await Promise.allSettled([insert(0, words), insert(500, words.toReversed())])
      expect(reasonsOf(results)).toEqual([coded('DATA_BRIDGE_ERR_UNIQUE')])
    }
  })

  it('that insert into the same tables do so in one order, however the rows were added', async () => {
    const tablesOf = async (...entities: Entity[]): Promise<string[]> => {
      await using wire = recordWire(url)
      await wire.database.run((session) => session.add(entities))
      return wire.texts.flatMap((each) => /^insert into "(\w+)"/.exec(each)?.[1] ?? [])
    }
    const word = (id: number): Word => new Word({ id, word: `word ${id}` })
    const account = (name: string): Account => new Account({ id: 500 + name.length, name })
    const order = ['accounts', 'words']
    expect(await tablesOf(word(1), account('a'))).toEqual(order)
    expect(await tablesOf(account('bb'), word(2))).toEqual(order)
  })
})

function reasonsOf(results: readonly PromiseSettledResult<unknown>[]): DataBridgeError[] {
  return results.flatMap((result) =>
    result.status === 'rejected' ? [result.reason as DataBridgeError] : [],
  )
}

it('numbers of a sequence follow the order in which entities were added', async () => {
  const accounts = ['z', 'a', 'm'].map((name) => new Account({ name }))
  await query(`select setval('accounts_id_seq', 1000)`)
  await database.run((session) => session.add(accounts))
  expect(accounts.map(({ id }) => id - accounts[0]!.id)).toEqual([0, 1, 2])
})
