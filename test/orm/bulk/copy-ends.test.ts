import { afterAll, beforeEach, describe, expect, it } from 'vitest'
import { Database, type NewRow, type Session } from '../../../orm/index.ts'
import { testDatabase } from '../../support/database.ts'
import { blog, User } from '../../support/entities.ts'
import { coded } from '../../support/failure.ts'

const { query, truncate, url } = await testDatabase(blog)
// One connection: if a copy kept it, nothing else would run.
const single = new Database({ connectionString: url, max: 1 })
afterAll(() => single.close())
beforeEach(truncate)

type Rows = AsyncGenerator<NewRow<typeof User>>

const ann = { name: 'ann', email: 'ann@example.com' }
const never = (): Promise<never> => new Promise(() => {})

/** A row, and then none for ever. Tells when it waits. */
function stuck(): { readonly rows: Rows; readonly waits: Promise<void> } {
  const { promise, resolve } = Promise.withResolvers<void>()
  async function* rows(): Rows {
    yield ann
    resolve()
    await never()
  }
  return { rows: rows(), waits: promise }
}

async function copyStuck(session: Session): Promise<{ readonly copying: Promise<unknown> }> {
  const { rows, waits } = stuck()
  const copying = session.copy(User, rows).catch((error: unknown) => error)
  await waits
  return { copying }
}

const rolledBack = coded('DATA_BRIDGE_ERR_TRANSACTION', 'copy() was ended before its last row')
const closed = coded('DATA_BRIDGE_ERR_SESSION_CLOSED')
const ownSession = coded('DATA_BRIDGE_ERR_QUERY', 'read them in another session')

describe('copy, with rows that never come', () => {
  it('does not keep a session from its rollback', async () => {
    await using session = single.session()
    const { copying } = await copyStuck(session)
    await session.rollback()
    expect(await copying).toEqual(rolledBack)
    expect(await session.copy(User, [ann])).toBe(1)
    await session.commit()
    expect(await query('select name from users')).toEqual([{ name: 'ann' }])
  })

  it('does not keep a savepoint from its rollback', async () => {
    await single.run(async (session) => {
      const failing = session.transaction(async () => {
        const { copying } = await copyStuck(session)
        void copying
        throw new Error('other')
      })
      await expect(failing).rejects.toThrow('other')
      expect(await session.find(User).count()).toBe(0)
    })
  })

  it('ends with its session', async () => {
    const session = single.session()
    const { copying } = await copyStuck(session)
    await session.close()
    expect(await copying).toEqual(closed)
    const beside = single.run(async (other) => {
      await copyStuck(other)
      throw new Error('other')
    })
    await expect(beside).rejects.toThrow('other')
    expect(await single.run((other) => other.find(User).count())).toBe(0)
  })

  it('ends before its first row, when the session is aborted', async () => {
    const aborting = new AbortController()
    async function* none(): Rows {
      setImmediate(() => aborting.abort())
      yield await never()
    }
    const copying = single.run((session) => session.copy(User, none()), {
      signal: aborting.signal,
    })
    await expect(copying).rejects.toThrow(coded('DATA_BRIDGE_ERR_ABORTED'))
  })
})

describe('copy, with rows that end their own session', () => {
  it.each([0, 1])('refuses commit() behind %i rows', async (count) => {
    await using session = single.session()
    async function* rows(): Rows {
      if (count > 0) yield ann
      await session.commit()
      yield ann
    }
    await expect(session.copy(User, rows())).rejects.toThrow(ownSession)
    await session.rollback()
  })

  it('lets rollback() end the copy', async () => {
    await using session = single.session()
    async function* rows(): Rows {
      yield ann
      await session.rollback()
      yield ann
    }
    await expect(session.copy(User, rows())).rejects.toThrow(rolledBack)
    expect(await session.find(User).count()).toBe(0)
  })
})
