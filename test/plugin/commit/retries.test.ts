import { expect, it } from 'vitest'
import { type Session, sql } from '../../../orm/index.ts'
import { testDatabase } from '../../support/database.ts'
import { blog, user } from '../../support/entities.ts'
import { names, serve, watchForLeaks } from '../serve.ts'

const stored = await testDatabase(blog)
const { database, query } = stored
watchForLeaks(stored)
await query(`
  create function refuse(state text) returns void language plpgsql as $$
    begin raise exception using errcode = state; end $$`)

it('retries are refused in the session of a request, and done in a transaction of its own', async () => {
  let attempts = 0
  const work = async (session: Session): Promise<number> => {
    attempts += 1
    session.add(user(`attempt${attempts}`))
    await session.flush()
    if (attempts === 1) await session.execute(sql`select refuse('40P01')`)
    return attempts
  }
  await using served = await serve({ database }, (app) => {
    app.post('/request', ({ session }) => session.transaction(work, { retries: 3 }))
    app.post('/own', async () => ({
      attempts: await app.dataBridge.transaction(work, { retries: 3 }),
    }))
  })
  const refused = await served.fetch('/request', { method: 'POST' })
  expect([refused.status, await refused.json()]).toEqual([
    500,
    expect.objectContaining({ code: 'DATA_BRIDGE_ERR_TRANSACTION' }),
  ])
  expect(attempts).toBe(0)
  const done = await served.fetch('/own', { method: 'POST' })
  expect([done.status, await done.json()]).toEqual([200, { attempts: 2 }])
  expect(await names(query)).toEqual(['attempt2'])
})
