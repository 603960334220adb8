import { expect, it } from 'vitest'
import { user, User } from '../../support/entities.ts'
import { twoDatabases } from './two-databases.ts'
import { names, type Served } from '../serve.ts'

const { main, reports, serveBoth } = await twoDatabases()
await reports.query(`
  create function conflict() returns trigger language plpgsql as $$
    begin raise exception 'conflict' using errcode = '40001'; end $$`)
await reports.query(`
  create constraint trigger conflict after insert on users deferrable initially deferred
  for each row when (new.name = 'conflict') execute function conflict()`)
const serving = (): Promise<Served> =>
  serveBoth((app) => {
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
  await using served = await serving()
  const { headers } = await served.fetch('/')
  expect(headers.get('x-db-query-count')).toBe('3')
  expect(headers.get('server-timing')).toMatch(/^db;dur=[\d.]+;desc="3 queries"$/)
})

it('flushes both before it commits one: a conflict that is found there saves nothing', async () => {
  await using served = await serving()
  await reports.query(`insert into users (name, email) values ('zoe', 'zoe@example.com')`)
  expect((await served.fetch('/zoe', { method: 'POST' })).status).toBe(409)
  expect(await names(main.query)).toEqual([])
})

it('does not invite the client to try again when a part is saved', async () => {
  await using served = await serving()
  const response = await served.fetch('/conflict', { method: 'POST' })
  expect(response.status).toBe(500)
  expect(await response.json()).toMatchObject({
    code: 'DATA_BRIDGE_ERR_COMMIT_UNKNOWN',
    message: 'It is not known whether this was saved.',
  })
  expect(await names(main.query)).toEqual(['ann'])
})
