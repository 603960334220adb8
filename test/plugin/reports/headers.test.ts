import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { selectinload, sql } from '../../../orm/index.ts'
import type { DataBridgeOptions } from '../../../plugin/index.ts'
import { testDatabase } from '../../support/database.ts'
import { blog, Post, user, User } from '../../support/entities.ts'
import { serve, type Served, watchForLeaks } from '../serve.ts'

const stored = await testDatabase(blog)
const { database, query } = stored
watchForLeaks(stored)
beforeEach(stored.truncate)
afterEach(() => vi.unstubAllEnvs())

const served = (headers?: DataBridgeOptions['headers']): Promise<Served> =>
  serve({ database, ...(headers !== undefined && { headers }) }, (app) => {
    app.get('/none', async () => 'none')
    app.get('/one', async ({ session }) => session.find(User).count())
    app.get('/three', async ({ session }) => {
      await session.find(User).options(selectinload(User.posts)).toList()
      return session.find(Post).count()
    })
    app.post('/flush', async ({ session }) => {
      await session.find(User).count()
      const ann = user('ann')
      session.add(ann, new Post({ title: 'a', author: ann }))
      return 'flushed at the commit'
    })
    app.post('/savepoint', async ({ session }) => {
      await session.transaction(() => session.execute(sql`select 1`))
      await session.commit()
      await session.execute(sql`select 1`)
      await session.rollback()
      return 'done'
    })
    app.get('/cached', async ({ session }) => {
      await session.get(User, 1)
      await session.get(User, 1)
      return 'done'
    })
    app.get('/fail', async ({ session }) => {
      await session.find(User).count()
      throw new Error('boom')
    })
    app.get('/timed', async ({ session }, reply) => {
      reply.header('server-timing', 'app;dur=1.5;desc="a, b", cache;desc=hit')
      return session.find(User).count()
    })
  })

describe('x-db-query-count', () => {
  it.each<[string, string, string, string]>([
    ['one statement', 'GET', '/one', '1'],
    ['a query, its loader, and another', 'GET', '/three', '3'],
    ['a query, and the flush at the commit', 'POST', '/flush', '3'],
    ['no transaction control', 'POST', '/savepoint', '2'],
    ['nothing for the identity map', 'GET', '/cached', '1'],
    ['what ran before an error', 'GET', '/fail', '1'],
  ])('counts %s', async (_what, method, path, count) => {
    await query(`insert into users (id, name, email) overriding system value values (1, 'x', 'x')`)
    await query(`select setval(pg_get_serial_sequence('users', 'id'), 1)`)
    await query(`insert into posts (title, author_id) values ('p', 1)`)
    await using app = await served()
    const { headers } = await app.fetch(path, { method })
    expect(headers.get('x-db-query-count')).toBe(count)
    expect(headers.get('x-db-time-ms')).toMatch(/^\d+\.\d$/)
    expect(Number(headers.get('x-db-time-ms'))).toBeGreaterThan(0)
    expect(headers.get('server-timing')).toBe(
      `db;dur=${headers.get('x-db-time-ms')};desc="${count} ${count === '1' ? 'query' : 'queries'}"`,
    )
  })

  it('counts each request for itself on a connection that is kept alive', async () => {
    await using app = await served()
    for (const [path, count] of [
      ['/one', '1'],
      ['/three', '2'],
      ['/none', null],
      ['/one', '1'],
    ] as const) {
      expect((await app.fetch(path)).headers.get('x-db-query-count')).toBe(count)
    }
  })
})

describe('server-timing', () => {
  it('keeps the entries of the application', async () => {
    await using app = await served()
    expect((await app.fetch('/timed')).headers.get('server-timing')).toMatch(
      /^app;dur=1\.5;desc="a, b", cache;desc=hit, db;dur=\d+\.\d;desc="1 query"$/,
    )
  })
})

describe('the option headers', () => {
  const hasHeaders = async (headers?: DataBridgeOptions['headers'], path = '/one') => {
    await using app = await served(headers)
    const response = await app.fetch(path)
    const names = ['x-db-query-count', 'x-db-time-ms', 'server-timing']
    const present = names.filter((name) => response.headers.has(name))
    expect([0, names.length]).toContain(present.length)
    return present.length > 0
  }

  it.each<[string | undefined, DataBridgeOptions['headers'], boolean]>([
    [undefined, undefined, true],
    ['development', undefined, true],
    ['test', 'dev', true],
    ['production', undefined, false],
    ['production', 'dev', false],
    ['production', true, true],
    ['development', false, false],
    ['production', () => true, true],
    ['development', () => false, false],
  ])('where NODE_ENV is %s and headers is %s: %s', async (environment, headers, expected) => {
    vi.stubEnv('NODE_ENV', environment)
    expect(await hasHeaders(headers)).toBe(expected)
  })

  it('asks its function about each request', async () => {
    const wanted: DataBridgeOptions['headers'] = ({ headers }) => headers['x-debug'] === '1'
    await using app = await served(wanted)
    const shown = await app.fetch('/one', { headers: { 'x-debug': '1' } })
    const hidden = await app.fetch('/one')
    expect(shown.headers.get('x-db-query-count')).toBe('1')
    expect(hidden.headers.has('x-db-query-count')).toBe(false)
    expect(hidden.headers.has('server-timing')).toBe(false)
  })

  it('leaves an own server-timing alone where there are none', async () => {
    await using app = await served(false)
    expect((await app.fetch('/timed')).headers.get('server-timing')).toBe(
      'app;dur=1.5;desc="a, b", cache;desc=hit',
    )
  })

  it('does not fail a request, nor hide that it was committed, where its function throws', async () => {
    await using app = await served(() => {
      throw new Error('headers() is broken')
    })
    const response = await app.fetch('/flush', { method: 'POST' })
    expect(response.status).toBe(200)
    expect(response.headers.has('x-db-query-count')).toBe(false)
    expect(await query('select name from users')).toEqual([{ name: 'ann' }])
    expect(app.logs.find(({ err }) => err !== undefined)?.err?.stack).toContain(
      'headers() is broken',
    )
  })
})
