import supertest from 'supertest'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { openDatabase } from '../../example-api/database.ts'
import { Comment, Post, Tag, User } from '../../example-api/entities.ts'
import { urlWithin } from '../../example-api/own-schema.ts'
import { startService } from '../../example-api/service.ts'
import { sql } from '../../orm/index.ts'
import { startPostgres } from '../../plugin/testing/index.ts'
import { connect, testDatabase } from '../support/database.ts'
import { connectionCount, exampleSchema as schema } from './support.ts'

const server = await testDatabase()
const databaseUrl = server.url

beforeEach(async () => {
  await server.query(`drop schema if exists ${schema} cascade`)
})

describe('the schema of the example', () => {
  it('has the tables, and the rows that are always the same', async () => {
    const first = await contents()
    await server.query(`drop schema ${schema} cascade`)
    expect(await contents()).toEqual(first)
    expect(first).toMatchObject({ users: 60, posts: 600, comments: 2400, tags: 12 })
    expect(await tablesOf(schema)).toEqual(['comments', 'post_tags', 'posts', 'tags', 'users'])
  })

  it('gives each post one to three tags', async () => {
    await contents()
    const counts = await server.query(
      `select tags, count(*)::int as posts
       from (select count(tag_id)::int as tags
             from ${schema}.posts left join ${schema}.post_tags on post_id = id group by id) as counted
       group by tags order by tags`,
    )
    expect(counts).toEqual([1, 2, 3].map((tags) => ({ tags, posts: 200 })))
  })

  it('is made once by two that start at the same time', async () => {
    const opened = await Promise.all([1, 2, 3].map(() => openDatabase({ databaseUrl, schema })))
    await Promise.all(opened.map((each) => each[Symbol.asyncDispose]()))
    expect(await contents()).toMatchObject({ users: 60, posts: 600, comments: 2400 })
  })

  it('keeps its rows when the server starts again', async () => {
    const settings = { databaseUrl, schema, port: 0 }
    let path: string
    {
      await using service = await startService(settings)
      const given = { name: 'Kept', email: 'kept@example.com' }
      const { body } = await supertest(service.url).post('/users').send(given).expect(201)
      path = `/users/${body.id}`
    }
    await using service = await startService(settings)
    const { body } = await supertest(service.url).get(path).expect(200)
    expect(body).toMatchObject({ name: 'Kept' })
  })

  it('leaves tables outside of it alone, whatever their names are', async () => {
    await server.query('create table public.users (email text)')
    try {
      await contents()
      expect(await server.query('table public.users')).toEqual([])
    } finally {
      await server.query('drop table public.users')
    }
  })

  it.each([
    ['without a comment', `select`],
    ['with another comment', `comment on schema ${schema} is 'Ours.'`],
  ])('is refused where something else has made one, %s', async (_, comment) => {
    await server.query(`create schema ${schema}`)
    await server.query(comment)
    await expect(openDatabase({ databaseUrl, schema })).rejects.toThrow(
      `The database already has a schema ${schema} that this example did not create. Nothing was changed.`,
    )
    await expect(startService({ databaseUrl, schema, port: 0 })).rejects.toThrow(/did not create/)
    expect(await tablesOf(schema)).toEqual([])
    await expect.poll(() => connectionCount(server)).toBe(0)
  })

  it('is asked for in a sentence where the role may not create one', async () => {
    await using postgres = await startPostgres() // where roles may be made
    const client = await connect(postgres.url)
    await client.query(`create role reader login password 'secret'`)
    await client.end()
    const url = new URL(postgres.url)
    Object.assign(url, { username: 'reader', password: 'secret' })
    await expect(openDatabase({ databaseUrl: url.href, schema })).rejects.toThrow(
      /^The role of DATABASE_URL may not create a schema in its database.*Grant the role CREATE/,
    )
  })

  it('is gone at the end where it is a throwaway', async () => {
    const { database, ...opened } = await openDatabase({ databaseUrl, schema, isThrowaway: true })
    expect(await database.run((session) => session.find(User).exists())).toBe(true)
    await opened[Symbol.asyncDispose]()
    expect(await tablesOf(schema)).toEqual([])
    expect(await server.query('select from pg_namespace where nspname = $1', [schema])).toEqual([])
  })
})

describe('connections', () => {
  it('see that schema only, and keep the other options of the URL', async () => {
    const url = new URL(databaseUrl)
    url.searchParams.set('options', '-c search_path=public,pg_temp -c statement_timeout=4321')
    url.searchParams.set('keepalives', '1')
    expect(await settingsWithin(url.href)).toEqual({ path: schema, timeout: '4321ms' })
  })

  it('keep the options of the environment', async () => {
    vi.stubEnv('PGOPTIONS', '-c statement_timeout=1234')
    try {
      expect(await settingsWithin(databaseUrl)).toEqual({ path: schema, timeout: '1234ms' })
    } finally {
      vi.unstubAllEnvs()
    }
  })

  it('are refused where the search path is not what was asked for', async () => {
    // What a pooler does that ignores the option: here the name is taken for another.
    const odd = 'Fastify_Data_Bridge_Odd'
    await expect(openDatabase({ databaseUrl, schema: odd })).rejects.toThrow(
      /Connections expected the schema Fastify_Data_Bridge_Odd, got none.*Nothing was created\./,
    )
    expect(await server.query('select from pg_namespace where nspname = $1', [odd])).toEqual([])
  })

  it('are not tried where the URL is none, which is not repeated', () => {
    expect(() => urlWithin(schema, 'user:secret@host')).not.toThrow(/secret/)
    expect(() => urlWithin(schema, 'no url: secret')).toThrow(
      /^DATABASE_URL expected a URL such as/,
    )
  })
})

async function contents(): Promise<Record<string, unknown>> {
  await using opened = await openDatabase({ databaseUrl, schema })
  return await opened.database.run(async (session) => ({
    users: await session.find(User).count(),
    posts: await session.find(Post).count(),
    comments: await session.find(Comment).count(),
    tags: await session.find(Tag).count(),
    checksum: await session.execute(sql`
      select md5(string_agg(users::text, ',' order by id)) as sum from users
      union all select md5(string_agg(posts::text, ',' order by id)) from posts
      union all select md5(string_agg(comments::text, ',' order by id)) from comments
      union all select md5(string_agg(tags::text, ',' order by id)) from tags
      union all select md5(string_agg(post_tags::text, ',' order by post_id, tag_id)) from post_tags`),
  }))
}

async function settingsWithin(url: string): Promise<object | undefined> {
  await using opened = await openDatabase({ databaseUrl: url, schema })
  const [row] = await opened.database.run((session) =>
    session.execute(sql`
      select current_setting('search_path') as path, current_setting('statement_timeout') as timeout`),
  )
  return row
}

async function tablesOf(name: string): Promise<string[]> {
  const rows = await server.query<{ tablename: string }>(
    'select tablename from pg_tables where schemaname = $1 order by 1',
    [name],
  )
  return rows.map(({ tablename }) => tablename)
}
