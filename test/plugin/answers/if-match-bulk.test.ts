import { beforeEach, describe, expect, it } from 'vitest'
import { integer, type Session, table, text } from '../../../orm/index.ts'
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
  await query(`insert into accounts (name) values ('ann')`)
})

const by = (update: readonly 'name'[]) => ({ onConflict: { on: ['name'] as const, update } })

const works: Readonly<Record<string, (session: Session) => Promise<unknown>>> = {
  '/upsert': (session) =>
    session.upsert(Account, { name: 'ann' }, { on: ['name'], update: ['name'] }),
  '/kept': async (session) => (await session.insertMany(Account, [{ name: 'ann' }], by([])))[0],
  '/new': async (session) => (await session.insertMany(Account, [{ name: 'bob' }], by([])))[0],
  '/copy': (session) => session.copy(Account, [{ name: 'bob' }]),
}

async function answer(path: string, ifMatch?: string): Promise<number> {
  await using app = await serve({ database }, (fastify) => {
    for (const [route, work] of Object.entries(works))
      fastify.post(route, { config: { dataBridge: { etag: true } } }, ({ session }) =>
        work(session),
      )
    fastify.get('/', { config: { dataBridge: { etag: true } } }, ({ session }) =>
      session.getOrThrow(Account, 1),
    )
  })
  const tag = (await app.fetch('/')).headers.get('etag') ?? ''
  const headers = ifMatch === undefined ? {} : { 'if-match': ifMatch === 'tag' ? tag : ifMatch }
  return (await app.fetch(path, { method: 'POST', headers })).status
}

describe('If-Match, and writes beside the unit of work', () => {
  it('does not let them change rows whose version nobody compares', async () => {
    expect(await answer('/upsert', 'tag')).toBe(500)
    expect(await query('select version from accounts')).toEqual([{ version: 1 }])
    expect(await answer('/upsert')).toBe(200)
    expect(await query('select version from accounts')).toEqual([{ version: 2 }])
  })

  it('compares the entity that is there already', async () => {
    expect(await answer('/kept', 'tag')).toBe(200)
    expect(await answer('/kept', '"other"')).toBe(412)
  })

  it.each(['/new', '/copy'])('is not met by rows that the request inserts: %s', async (path) => {
    expect(await answer(path, '*')).toBe(412)
    expect(await query('select name from accounts')).toEqual([{ name: 'ann' }])
    expect(await answer(path)).toBe(200)
  })
})
