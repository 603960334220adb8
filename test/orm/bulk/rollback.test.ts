import { beforeEach, describe, expect, it } from 'vitest'
import { Database } from '../../../orm/index.ts'
import { testDatabase } from '../../support/database.ts'
import { coded } from '../../support/failure.ts'
import { recordWire } from '../../support/recorder.ts'
import { Account, byCode } from './accounts.ts'

const { database, query, truncate, url } = await testDatabase([Account])
beforeEach(truncate)

describe('a rollback', () => {
  it('detaches what was inserted, so that it can be added again', async () => {
    await using session = database.session()
    const options = { onConflict: { on: ['code'], update: [] } } as const
    const [plain] = await session.insertMany(Account, [{ code: 'p', name: 'p' }])
    const [made] = await session.insertMany(Account, [{ code: 'a', name: 'a' }], options)
    expect(session.hasUnsaved).toBe(true)
    await session.rollback()
    expect(session.hasUnsaved).toBe(false)
    expect(await query('select 1 from accounts')).toEqual([])
    if (plain === undefined || made === undefined) throw new Error('expected entities, got none')
    session.add(plain, made)
    await session.commit()
    expect(await query('select code from accounts order by code')).toEqual([
      { code: 'a' },
      { code: 'p' },
    ])
  })

  it('of a savepoint detaches what was written in it, and no other', async () => {
    await database.run(async (session) => {
      const kept = await session.upsert(Account, { code: 'a', name: 'a' }, byCode)
      const other = await session.upsert(Account, { code: 'o', name: 'o' }, byCode)
      await expect(
        session.transaction(async () => {
          expect(await session.upsert(Account, { code: 'a', name: 'b' }, byCode)).toBe(kept)
          await session.upsert(Account, { code: 'n', name: 'n' }, byCode)
          await session.copy(Account, [{ code: 'c', name: 'c' }])
          throw new Error('on purpose')
        }),
      ).rejects.toThrow('on purpose')
      const again = await session.get(Account, kept.id)
      expect([again === kept, again?.name, again?.version]).toEqual([false, 'a', 1])
      expect(await session.get(Account, other.id)).toBe(other)
      expect(await session.find(Account).count()).toBe(2)
    })
  })

  it('goes on after a refusal in a savepoint', async () => {
    await database.run(async (session) => {
      await expect(
        session.transaction(() =>
          session.upsert(Account, { code: 'a', name: 'a' }, { on: ['name'], update: [] }),
        ),
      ).rejects.toThrow(coded('DATA_BRIDGE_ERR_QUERY', 'unique key of accounts'))
      await session.upsert(Account, { code: 'a', name: 'a' }, byCode)
    })
    expect(await query('select 1 from accounts')).toHaveLength(1)
  })
})

it('works on a pool of the application', async () => {
  await using wire = recordWire(url)
  await using own = new Database({ pool: wire.pool })
  await own.run(async (session) => {
    const [made] = await session.insertMany(Account, [{ code: 'a', name: 'a' }])
    expect(await session.upsert(Account, { code: 'A', name: 'b' }, byCode)).toBe(made)
    expect(made?.name).toBe('b')
  })
})
