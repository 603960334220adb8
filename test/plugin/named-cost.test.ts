import { beforeEach, expect, it } from 'vitest'
import type { Session } from '../../orm/index.ts'
import dataBridge from '../../plugin/index.ts'
import { testDatabase } from '../support/database.ts'
import { blog, user, User } from '../support/entities.ts'
import { names, type Served, serve, watchForLeaks } from './serve.ts'

const main = await testDatabase(blog)
const reports = await testDatabase(blog)
watchForLeaks(main)
watchForLeaks(reports)
await reports.query(`
  create function conflict() returns trigger language plpgsql as $$
    begin raise exception 'conflict' using errcode = '40001'; end $$`)
await reports.query(`
  create constraint trigger conflict after insert on users deferrable initially deferred
  for each row when (new.name = 'conflict') execute function conflict()`)
beforeEach(async () => {
  await main.truncate()
  await reports.truncate()
})

declare module 'fastify' {
  interface DataBridgeSessions {
    readonly main: Session
    readonly reports: Session
  }
}

const serveBoth = (): Promise<Served> =>
  serve({ database: main.database, name: 'main' }, (app) => {
    app.register(dataBridge, { database: reports.database, name: 'reports' })
    app.get('/', async ({ sessions }) => {
      await sessions.main.find(User).count()
      await sessions.main.find(User).count()
      return sessions.reports.find(User).count()
    })
    app.post<{ Params: { name: string } }>('/:name', async ({ sessions, params }) => {
      sessions.main.add(user('ann'))
      sessions.reports.add(user(params.name))
      return 'both'
    })
  })

it('says what a request has cost on both databases', async () => {
  await using served = await serveBoth()
  const { headers } = await served.fetch('/')
  expect(headers.get('x-db-query-count')).toBe('3')
  expect(headers.get('server-timing')).toMatch(/^db;dur=[\d.]+;desc="3 queries"$/)
})

it('flushes both before it commits one: a conflict that is found there saves nothing', async () => {
  await using served = await serveBoth()
  await reports.query(`insert into users (name, email) values ('zoe', 'zoe@example.com')`)
  expect((await served.fetch('/zoe', { method: 'POST' })).status).toBe(409)
  expect(await names(main.query)).toEqual([])
})

it('does not invite the client to try again when a part is saved', async () => {
  await using served = await serveBoth()
  const response = await served.fetch('/conflict', { method: 'POST' })
  expect(response.status).toBe(500)
  expect(await response.json()).toMatchObject({
    code: 'DATA_BRIDGE_ERR_COMMIT_UNKNOWN',
    message: 'It is not known whether this was saved.',
  })
  expect(await names(main.query)).toEqual(['ann'])
})
