import type { FastifyInstance } from 'fastify'
import { beforeEach, expect, it } from 'vitest'
import { integer, type Session, table, text } from '../../../orm/index.ts'
import { testDatabase } from '../../support/database.ts'
import { serve, watchForLeaks } from '../serve.ts'

class Account extends table('accounts', {
  id: integer().primaryKey(),
  name: text(),
  version: integer().version(),
}) {}
class Entry extends table('entries', { id: integer().primaryKey(), text: text() }) {}

const stored = await testDatabase([Account, Entry])
watchForLeaks(stored)
beforeEach(async () => {
  await stored.truncate()
  await stored.query(`insert into accounts values (1, 'ann'); insert into entries values (1, 'a')`)
})

const all = (session: Session) => session.find(Account).all()

const works: Readonly<Record<string, (session: Session) => Promise<unknown>>> = {
  '/update': (session) => all(session).update({ name: 'x' }),
  '/delete': (session) => all(session).delete(),
  '/entries': async (session) => {
    const account = await session.getOrThrow(Account, 1)
    account.name = 'changed'
    await session.find(Entry).all().update({ text: 'x' })
    return account
  },
}

function served() {
  return serve({ database: stored.database }, (app: FastifyInstance) => {
    for (const [path, work] of Object.entries(works))
      app.post(path, { config: { dataBridge: { etag: true } } }, async ({ session }) => ({
        done: await work(session),
      }))
  })
}

const rows = () =>
  stored.query('select name, version, text from accounts full join entries on true')

it.each(['/update', '/delete'])(
  'a request with If-Match writes no rows of a table with a version by a query: %s',
  async (path) => {
    await using app = await served()
    const headers = { 'if-match': '*' }
    expect((await app.fetch(path, { method: 'POST', headers })).status).toBe(500)
    expect(await rows()).toEqual([{ name: 'ann', version: 1, text: 'a' }])
    expect((await app.fetch(path, { method: 'POST' })).status).toBe(200)
  },
)

it('a request with If-Match may write others, beside its entity', async () => {
  await using app = await served()
  const headers = { 'if-match': '*' }
  expect((await app.fetch('/entries', { method: 'POST', headers })).status).toBe(200)
  expect(await rows()).toEqual([{ name: 'changed', version: 2, text: 'x' }])
})
