import type { RouteShorthandOptions } from 'fastify'
import { beforeEach, describe, expect, it } from 'vitest'
import { integer, type Session, sql, table, text } from '../../../orm/index.ts'
import { testDatabase } from '../../support/database.ts'
import { serve, watchForLeaks } from '../serve.ts'

class Account extends table('accounts', {
  id: integer().primaryKey().generated(),
  name: text().unique(),
  version: integer().version(),
}) {}

const stored = await testDatabase([Account])
const { database, query } = stored
watchForLeaks(stored)
beforeEach(async () => {
  await stored.truncate()
  await query(`insert into accounts (name) values ('ann'), ('bob')`)
})

const tags: RouteShorthandOptions = { config: { dataBridge: { etag: true } } }
const versions = () => query('select id, version from accounts order by id')

async function write(session: Session, id: number): Promise<Account> {
  const account = await session.getOrThrow(Account, id)
  account.name += '!'
  await session.flush()
  return account
}

/** A savepoint that is rolled back. */
async function attempt(session: Session, work: () => Promise<unknown>): Promise<void> {
  const undone = new Error('undone')
  const rejected = session.transaction(async () => {
    await work()
    throw undone
  })
  await rejected.catch((error: unknown) => {
    if (error !== undone) throw error
  })
}

const insert = (session: Session) => async (): Promise<void> => {
  session.add(new Account({ name: 'new' }))
  await session.flush()
}

/** What a request answers that names the tags of these accounts, or any. */
async function answer(work: (session: Session) => unknown, ids?: readonly number[]) {
  await using app = await serve({ database }, (one) => {
    one.get<{ Params: { id: string } }>('/:id', tags, async ({ session, params }) =>
      session.getOrThrow(Account, Number(params.id)),
    )
    one.post('/', tags, async ({ session }) => (await work(session)) ?? { ok: true })
  })
  const tagOf = async (id: number) => (await app.fetch(`/${id}`)).headers.get('etag')
  const wanted = ids === undefined ? '*' : (await Promise.all(ids.map(tagOf))).join(', ')
  const { status } = await app.fetch('/', { method: 'POST', headers: { 'if-match': wanted } })
  return status
}

describe('If-Match where a part is rolled back', () => {
  it.each<[string, (session: Session) => Promise<unknown>]>([
    ['a savepoint', (session) => attempt(session, () => write(session, 1))],
    ['everything', (session) => write(session, 1).then(() => session.rollback())],
  ])('concerns the entity that is written after it: %s', async (_, undo) => {
    const work = async (session: Session): Promise<unknown> => {
      await undo(session)
      return write(session, 2)
    }
    expect(await answer(work)).toBe(200)
    expect(await answer(work, [1, 2])).toBe(200)
    expect(await answer(work, [1])).toBe(412)
    expect(await versions()).toEqual([
      { id: 1, version: 1 },
      { id: 2, version: 3 },
    ])
  })

  it('still refuses two entities, if the first was written before a savepoint, or before the commit', async () => {
    const savepoint = async (session: Session): Promise<unknown> => {
      await write(session, 1)
      await attempt(session, () => write(session, 1))
      return write(session, 2)
    }
    const commit = async (session: Session): Promise<unknown> => {
      await write(session, 1)
      await session.commit()
      await session.rollback()
      return write(session, 2)
    }
    expect(await answer(savepoint)).toBe(500)
    expect(await answer(commit)).toBe(500)
    expect(await versions()).toEqual([
      { id: 1, version: 2 },
      { id: 2, version: 1 },
    ])
  })

  it('does not concern a row that was not inserted after all', async () => {
    expect(await answer((session) => attempt(session, insert(session)))).toBe(200)
    expect(await answer((session) => insert(session)().then(() => session.rollback()))).toBe(200)
    expect(await answer((session) => insert(session)())).toBe(412)
    expect(await versions()).toHaveLength(2)
  })

  it('goes on after a commit that has failed', async () => {
    const work = async (session: Session): Promise<unknown> => {
      await write(session, 1)
      await session.execute(sql`select 1/0`).catch(() => undefined)
      await expect(session.commit()).rejects.toHaveProperty('code', 'DATA_BRIDGE_ERR_COMMIT_FAILED')
      return write(session, 2)
    }
    expect(await answer(work)).toBe(200)
  })
})
