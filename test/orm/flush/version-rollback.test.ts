import { beforeEach, describe, expect, it } from 'vitest'
import { testDatabase } from '../../support/database.ts'
import { failure } from '../../support/failure.ts'
import { Account, accountsIn, readAll } from './accounts.ts'

const STALE = 'DATA_BRIDGE_ERR_STALE'

const stored = await testDatabase([Account])
const { database } = stored
const { accounts, changed, rows } = accountsIn(stored)
beforeEach(() => stored.truncate())

describe('a version of a transaction that is rolled back', () => {
  it('is forgotten, so that the entity can be added again', async () => {
    await accounts(1)
    await using session = database.session()
    const account = await session.getOrThrow(Account, 1)
    const added = new Account({ name: 'new' })
    session.add(added)
    account.balance = 5
    await session.flush()
    added.balance = 1
    await session.flush()
    expect([account.version, added.version]).toEqual([2, 2])
    await session.rollback()
    expect([account.version, added.version]).toEqual([1, 1])
    session.add(account, added)
    await session.commit()
    expect((await rows()).map((row) => [row['balance'], row['version']])).toEqual([
      [5, 2],
      [1, 1],
    ])
  })

  it('is forgotten with a savepoint', async () => {
    await accounts(1)
    await database.run(async (session) => {
      const account = await session.getOrThrow(Account, 1)
      account.balance = 1
      await session.flush()
      await expect(
        session.transaction(async () => {
          account.balance = 2
          await session.flush()
          expect(account.version).toBe(3)
          throw new Error('no')
        }),
      ).rejects.toThrow('no')
      expect(account.version).toBe(2)
      session.add(account)
      account.balance = 3
    })
    expect(await rows()).toMatchObject([{ balance: 3, version: 3 }])
  })

  it('is forgotten after a failed flush', async () => {
    await accounts(2)
    await using session = database.session()
    const [first, second] = await readAll(session)
    if (first === undefined || second === undefined) throw new Error('two')
    first.balance = 1
    await session.flush()
    await changed('id = 2')
    second.balance = 1
    await failure(STALE, session.commit())
    await session.rollback()
    expect([first.version, second.version]).toEqual([1, 1])
    session.add(first)
    await session.commit()
    expect(await rows()).toMatchObject([
      { balance: 1, version: 2 },
      { balance: 77, version: 2 },
    ])
  })

  it('is kept by a frozen entity without an error', async () => {
    await accounts(1)
    await using session = database.session()
    const account = await session.getOrThrow(Account, 1)
    account.balance = 1
    await session.flush()
    Object.freeze(account)
    await session.rollback()
    expect(account.version).toBe(2)
  })
})
