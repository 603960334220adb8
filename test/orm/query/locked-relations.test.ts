import { beforeEach, describe, expect, it } from 'vitest'
import {
  belongsTo,
  hasMany,
  hasOne,
  integer,
  joinedload,
  type Query,
  selectinload,
  type Session,
  table,
  text,
  undefer,
} from '../../../orm/index.ts'
import { testDatabase } from '../../support/database.ts'
import { coded } from '../../support/failure.ts'
import { recordWire } from '../../support/recorder.ts'

class Holder extends table(
  'holders',
  {
    id: integer().primaryKey().generated(),
    name: text(),
    accounts: () => hasMany(Account, 'holderId'),
  },
  { version: 'xmin' },
) {}

class Account extends table('accounts', {
  id: integer().primaryKey().generated(),
  balance: integer(),
  note: text().default('').deferred(),
  holderId: integer().references(() => Holder),
  holder: () => belongsTo(Holder, 'holderId'),
  outgoing: () => hasMany(Transfer, 'fromId'),
  version: integer().version(),
}) {}

class Transfer extends table('transfers', {
  id: integer().primaryKey().generated(),
  amount: integer(),
  fromId: integer().references(() => Account),
  toId: integer().references(() => Account),
  parentId: integer()
    .nullable()
    .references(() => Transfer),
  from: () => belongsTo(Account, 'fromId'),
  to: () => belongsTo(Account, 'toId'),
  parent: () => belongsTo(Transfer, 'parentId'),
  receipt: () => hasOne(Receipt, 'transferId'),
  receipts: () => hasMany(Receipt, 'transferId'),
}) {}

class Receipt extends table('receipts', {
  id: integer().primaryKey().generated(),
  transferId: integer().references(() => Transfer),
}) {}

const bank = [Holder, Account, Transfer, Receipt] as const
const { database, query, truncate, url } = await testDatabase(bank)

beforeEach(async () => {
  await truncate()
  await database.run((session) => {
    const accounts = ['ann', 'bob', 'cid'].map(
      (name) => new Account({ balance: 100, holder: new Holder({ name }) }),
    ) as [Account, Account, Account]
    const [ann, bob, cid] = accounts
    for (const [from, to] of [
      [ann, bob],
      [bob, cid],
    ] as const)
      session.add(new Transfer({ amount: 10, from, to }))
  })
})

const transfer = (session: Session, id = 1): Query<typeof Transfer> =>
  session.find(Transfer).filter({ id })

/** The keys that another transaction could lock now. */
async function free(entity: typeof Account | typeof Transfer | typeof Holder): Promise<number[]> {
  await using session = database.session()
  const found = await session
    .find(entity as typeof Account)
    .forUpdate({ skipLocked: true })
    .toList()
  return found.map(({ id }) => id).toSorted((one, other) => one - other)
}

async function waitsForLock(): Promise<void> {
  await expect
    .poll(() =>
      query(
        `select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
      ),
    )
    .toHaveLength(1)
}

describe('forUpdate({ of })', () => {
  it('locks the rows behind to-one relations with those of the query, and loads them', async () => {
    await using wire = recordWire(url, { tables: [...bank] })
    await using session = wire.database.session()
    const mine = await transfer(session)
      .forUpdate({ of: (row) => [row, row.from] })
      .one()
    expect(mine.from.value).toMatchObject({ id: 1, balance: 100 })
    expect(session.stats.queryCount).toBe(1)
    expect(wire.texts).toEqual([
      'begin',
      expect.stringMatching(
        / from "transfers" as "t0" join "accounts" as "t0_0" on .* for update of "t0", "t0_0"\)/,
      ),
    ])
    expect(await free(Transfer)).toEqual([2])
    expect(await free(Account)).toEqual([2, 3])
    await session.rollback()
    expect(await free(Account)).toEqual([1, 2, 3])
  })

  it('waits for the related row, and reads what was committed meanwhile', async () => {
    await using first = database.session()
    await using second = database.session()
    // The session holds an older state of both.
    const held = await second.get(Account, 1)
    const booked = await transfer(first)
      .forUpdate({ of: (row) => [row, row.from] })
      .one()
    const waiting = transfer(second)
      .forUpdate({ of: (row) => [row, row.from] })
      .one()
    await waitsForLock()
    booked.from.value.balance -= 10
    await first.commit()
    const { from } = await waiting
    expect(from.value).toBe(held)
    expect(held?.balance).toBe(90)
    from.value.balance -= 10
    await second.commit()
    expect(await query('select balance from accounts where id = 1')).toEqual([{ balance: 80 }])
  })

  it('reads an entity that the session did not hold as it was committed', async () => {
    await using first = database.session()
    await using second = database.session()
    const [account] = await first.find(Account).filter({ id: 1 }).forUpdate().toList()
    const waiting = transfer(second)
      .options(selectinload(Transfer.to))
      .forUpdate({ of: (row) => row.from })
      .first()
    await waitsForLock()
    if (account !== undefined) account.balance = 1
    await first.commit()
    const found = await waiting
    expect([found?.from.value.balance, found?.to.value.balance]).toEqual([1, 100])
  })

  it('locks the relation alone where the row is not named', async () => {
    await using session = database.session()
    await transfer(session)
      .forUpdate({ of: (row) => row.from })
      .one()
    expect(await free(Transfer)).toEqual([1, 2])
    expect(await free(Account)).toEqual([2, 3])
  })

  it('locks several relations to one table, and relations of relations', async () => {
    await using session = database.session()
    const found = await transfer(session)
      .options(joinedload(Transfer.from).options(selectinload(Account.outgoing)))
      .forUpdate({ of: (row) => [row.from, row.to, row.to.holder] })
      .one()
    expect(found.from.value.id).toBe(1)
    expect(found.from.value.outgoing.value).toEqual([found])
    expect(found.to.value.holder.value.name).toBe('bob')
    expect(await free(Account)).toEqual([3])
    expect(await free(Holder)).toEqual([1, 3])
  })

  it('locks a relation behind one that it does not lock', async () => {
    await using session = database.session()
    const found = await transfer(session)
      .forUpdate({ of: (row) => row.from.holder })
      .one()
    expect(found.from.value.holder.value.name).toBe('ann')
    expect(await free(Account)).toEqual([1, 2, 3])
    expect(await free(Holder)).toEqual([2, 3])
  })

  it('loads what other loaders of the relation say, and its version', async () => {
    await using session = database.session()
    const held = await session.getOrThrow(Holder, 1)
    await query(`update holders set name = 'eve' where id = 1`)
    const { from } = await transfer(session)
      .options(selectinload(Transfer.from).options(undefer(Account, 'note')))
      .forUpdate({ of: (row) => [row.from, row.from.holder] })
      .one()
    expect(session.stats.queryCount).toBe(2)
    expect(from.value.note).toBe('')
    expect(from.value.holder.value).toBe(held)
    held.name += '!'
    from.value.note = 'seen'
    await session.commit()
    expect(
      await query(
        'select name, note from holders join accounts on holders.id = holder_id where holders.id = 1',
      ),
    ).toEqual([{ name: 'eve!', note: 'seen' }])
  })

  it('loads other relations beside it, lists too, in the order of the query', async () => {
    await database.run(async (session) => {
      for (const each of await session.find(Transfer).toList())
        session.add(new Receipt({ transferId: each.id }), new Receipt({ transferId: each.id }))
    })
    await using session = database.session()
    const found = await session
      .find(Transfer)
      .filter((row) => row.from.holder.name.ne('nobody'))
      .orderBy((row) => row.id.desc())
      .limit(2)
      .options(joinedload(Transfer.receipts), joinedload(Transfer.to))
      .forShare({ of: (row) => [row, row.from] })
      .toList()
    expect(
      found.map(({ id, from, to, receipts }) => [
        id,
        from.value.id,
        to.value.id,
        receipts.value.length,
      ]),
    ).toEqual([
      [2, 2, 3, 2],
      [1, 1, 2, 2],
    ])
    expect(await free(Account)).toEqual([3])
  })

  it('leaves out rows whose relation is locked, with skipLocked', async () => {
    await using first = database.session()
    await using second = database.session()
    const next = (session: Session) =>
      session
        .find(Transfer)
        .orderBy((row) => row.id.asc())
        .forUpdate({ skipLocked: true, of: (row) => [row, row.from] })
        .first()
    expect((await next(first))?.id).toBe(1)
    expect((await next(second))?.id).toBe(2)
    await first.rollback()
    await second.rollback()
    await first.find(Account).filter({ id: 1 }).forUpdate().one()
    expect((await next(second))?.id).toBe(2)
  })

  it('locks the rows of which values are selected', async () => {
    await using session = database.session()
    const rows = await session
      .find(Transfer)
      .forUpdate({ of: (row) => row.to })
      .orderBy((row) => row.id.asc())
      .limit(1)
      .select((row) => ({ id: row.id, to: row.to.balance }))
      .toList()
    expect(rows).toEqual([{ id: 1, to: 100 }])
    expect(await free(Account)).toEqual([1, 3])
  })

  it('leaves out a row whose foreign key others change meanwhile', async () => {
    await using first = database.session()
    await using second = database.session()
    const moved = await transfer(first).forUpdate().one()
    const waiting = transfer(second)
      .forUpdate({ of: (row) => [row, row.from] })
      .first()
    await waitsForLock()
    moved.fromId = 3
    await first.commit()
    expect(await waiting).toBeNull()
  })

  it('sees what the session has changed, and saves changes of the locked entities', async () => {
    await database.run(async (session) => {
      const account = await session.getOrThrow(Account, 1)
      account.balance = 50
      const { from } = await transfer(session)
        .forUpdate({ of: (row) => [row, row.from] })
        .one()
      expect(from.value).toBe(account)
      expect(account).toMatchObject({ balance: 50, version: 2 })
      account.balance -= 1
    })
    expect(await query('select balance, version from accounts where id = 1')).toEqual([
      { balance: 49, version: 3 },
    ])
  })

  it('has another text for each choice', async () => {
    await using wire = recordWire(url, { tables: [...bank] })
    await wire.database.run(async (session) => {
      const find = session.find(Transfer)
      await find.forUpdate().toList()
      await find.forUpdate({ of: (row) => row }).toList()
      await find.forUpdate({ of: (row) => row.from }).toList()
      await find.forUpdate({ of: (row) => row.to }).toList()
      await find.forUpdate({ of: (row) => [row.to, row], noKey: true }).toList()
    })
    const lock = (sql: string) => / for (.*? of [^)]*)/.exec(sql)?.[1]
    expect(wire.texts.filter((sql) => sql.startsWith('select')).map(lock)).toEqual([
      'update of "t0"',
      'update of "t0"',
      'update of "t0_0"',
      'update of "t0_1"',
      'no key update of "t0_1", "t0"',
    ])
  })

  it('refuses relations whose row may be absent, lists, columns and strangers', async () => {
    await using session = database.session()
    const find = session.find(Transfer)
    const refuses = (of: unknown, got: string) =>
      expect(() => find.forUpdate({ of } as never)).toThrow(
        coded(
          'DATA_BRIDGE_ERR_QUERY',
          `find(Transfer).forUpdate(): of expected the row and to-one relations that are never absent, such as (post) => [post, post.author], got ${got}`,
        ),
      )
    type Row = Parameters<NonNullable<NonNullable<Parameters<typeof find.forUpdate>[0]>['of']>>[0]
    refuses((row: Row) => row.parent, 'Transfer.parent, whose row may be absent')
    refuses((row: Row) => row.parent.from, 'Transfer.parent, whose row may be absent')
    refuses((row: Row) => row.receipt, 'Transfer.receipt, whose row may be absent')
    refuses((row: Row) => row.receipts, 'the relation Transfer.receipts')
    refuses((row: Row) => row.amount, 'a column')
    refuses(() => [], 'none')
    refuses(() => 'from', 'the string "from"')
    let other: unknown
    session.find(Account).filter((row) => {
      other = row.holder
      return row.id.eq(1)
    })
    refuses(() => other, 'a row of another query')
    expect(() => find.forUpdate({ of: 'from' } as never)).toThrow(
      coded('DATA_BRIDGE_ERR_QUERY', 'of expected a callback'),
    )
    await expect(
      find
        .options(joinedload(Transfer.from).filter({ balance: 1 }))
        .forUpdate({ of: (row) => row.from })
        .toList(),
    ).rejects.toThrow(
      coded('DATA_BRIDGE_ERR_QUERY', 'joinedload(Transfer.from) expected no filter()'),
    )
    expect(session.stats.queryCount).toBe(0)
  })
})

describe('forUpdate({ noKey: true })', () => {
  it('lets others insert rows that refer to the locked one, and keeps them from changing it', async () => {
    await using session = database.session()
    const account = await session.find(Account).filter({ id: 1 }).forUpdate({ noKey: true }).one()
    await database.run((other) => other.add(new Transfer({ amount: 1, fromId: 1, toId: 2 })))
    expect(await free(Account)).toEqual([2, 3])
    account.balance = 7
    await session.commit()
    // Without it, a reference waits for the lock.
    await session.find(Account).filter({ id: 1 }).forUpdate().one()
    const referring = database.run((other) =>
      other.add(new Transfer({ amount: 1, fromId: 1, toId: 2 })),
    )
    await waitsForLock()
    await session.commit()
    await referring
  })
})
