import supertest from 'supertest'
import { describe, expect, it, onTestFinished } from 'vitest'
import { buildApp } from '../../example-api/app.ts'
import { exampleApi, largest, status } from './api.ts'
import { exampleSchema } from './support.ts'

const { http, query } = await exampleApi()

describe('GET /health', () => {
  it('answers without a session', async () => {
    const response = await http().get('/health').expect(200, { status: 'ok' })
    expect(response.headers).not.toHaveProperty('x-db-query-count')
  })
})

describe('GET /ready', () => {
  it('asks the database, without a session', async () => {
    const { body, headers } = await http().get('/ready').expect(200)
    expect(body).toEqual({
      status: 'ready',
      latencyMs: expect.any(Number),
      pool: { total: expect.any(Number), idle: expect.any(Number), waiting: 0 },
    })
    expect(headers).not.toHaveProperty('x-db-query-count')
  })

  it('is a 503 without details where there is none, and /health is as it was', async () => {
    const nowhere = { connectionString: 'postgresql://someone:secret@127.0.0.1:1/nowhere' }
    const app = await buildApp(nowhere)
    onTestFinished(() => app.close())
    await app.listen({ port: 0 })
    const { text, headers } = await supertest(app.server).get('/ready').expect(503)
    expect(text).toBe('{"status":"unavailable"}')
    expect(headers).not.toHaveProperty('x-db-query-count')
    await supertest(app.server).get('/health').expect(200, { status: 'ok' })
  })
})

describe('GET /posts', () => {
  it('loads ten posts and their ten authors with two queries', async () => {
    const { body, headers } = await http().get('/posts?limit=10').expect(200)
    expect(headers['x-db-query-count']).toBe('2')
    expect(body).toHaveLength(10)
    expect(new Set(body.map(({ authorId }: Row) => authorId)).size).toBe(10)
    expect(body[0]).toEqual({
      id: 1,
      title: 'Short notes on tea',
      likes: 0,
      authorId: 1,
      author: {
        id: 1,
        name: 'Ada Archer',
        email: 'ada.archer@example.com',
        age: 18,
        active: true,
        createdAt: '2026-01-01T00:00:00.000Z',
      },
    })
  })

  it('gives the same lazily, with a query for each author', async () => {
    const eager = await http().get('/posts?limit=10').expect(200)
    const lazy = await http().get('/posts?limit=10&lazy=true').expect(200)
    expect(lazy.headers['x-db-query-count']).toBe('11')
    expect(lazy.text).toBe(eager.text)
  })

  it('asks for an author once, however many posts there are', async () => {
    const { headers } = await http().get('/posts?limit=100&lazy=true').expect(200)
    expect(headers['x-db-query-count']).toBe('61')
  })

  it('chooses the posts of a tag, with two queries too', async () => {
    const { body, headers } = await http().get('/posts?limit=100&tag=music').expect(200)
    expect(headers['x-db-query-count']).toBe('2')
    expect(body).toHaveLength(100)
    const ids = body.map(({ id }: Row) => id)
    const found = await query(
      `select post_id as id from ${exampleSchema}.post_tags
       where tag_id = (select id from ${exampleSchema}.tags where name = 'music') order by 1 limit 100`,
    )
    expect(ids).toEqual(found.map(({ id }) => id))
    await http().get('/posts?tag=nothing').expect(200, [])
  })

  it.each(['limit=0', 'limit=101', 'limit=ten', 'lazy=perhaps', 'tag='])(
    'refuses %s',
    async (query) => {
      expect(await status(http().get(`/posts?${query}`))).toBe(400)
    },
  )
})

describe('GET /users', () => {
  it('is bounded', async () => {
    const { body, headers } = await http().get('/users').expect(200)
    expect(headers['x-db-query-count']).toBe('1')
    expect(body).toHaveLength(10)
    expect(body[0]).not.toHaveProperty('posts')
    await http().get('/users?limit=101').expect(400)
  })

  it('includes posts with one query more', async () => {
    const { body, headers } = await http().get('/users?include=posts').expect(200)
    expect(headers['x-db-query-count']).toBe('2')
    expect(body[0].posts[0]).not.toHaveProperty('comments')
  })

  it('includes posts and their comments with three queries', async () => {
    const { body, headers } = await http().get('/users?include=posts.comments').expect(200)
    expect(headers['x-db-query-count']).toBe('3')
    expect(body).toHaveLength(10)
    for (const { posts } of body) expect(posts).toHaveLength(10)
    expect(body[0].posts[0].comments).toEqual([
      { id: 1, body: 'Well said.', postId: 1 },
      { id: 601, body: 'Well said.', postId: 1 },
      { id: 1201, body: 'Well said.', postId: 1 },
      { id: 1801, body: 'Well said.', postId: 1 },
    ])
  })

  it.each(['passwordHash', 'posts.author', 'posts&include=posts', ''])(
    'refuses to include %j',
    async (include) => {
      expect(await status(http().get(`/users?include=${include}`))).toBe(400)
    },
  )

  it('never shows password hashes', async () => {
    const { text } = await http().get('/users?include=posts.comments&limit=100').expect(200)
    expect(text).not.toMatch(/hash/i)
  })
})

describe('GET /users/:id', () => {
  it('gives the user, without its hidden column', async () => {
    const { body, headers } = await http().get('/users/9').expect(200)
    expect(headers['x-db-query-count']).toBe('1')
    expect(body).toEqual({
      id: 9,
      name: 'Ida Archer',
      email: 'ida.archer@example.com',
      age: null,
      active: true,
      createdAt: '2026-01-09T00:00:00.000Z',
    })
  })

  it('gives the posts of one', async () => {
    const { body, headers } = await http().get('/users/9/posts').expect(200)
    expect(headers['x-db-query-count']).toBe('2')
    expect(body).toHaveLength(10)
    expect(body.every(({ authorId }: Row) => authorId === 9)).toBe(true)
  })

  it.each(['', '/posts'])('answers 404 where there is none: /users/…%s', async (rest) => {
    const { body } = await http().get(`/users/${largest}${rest}`).expect(404)
    expect(body).toEqual({
      statusCode: 404,
      error: 'Not Found',
      message: 'There is no such user.',
    })
  })

  it.each([
    'abc',
    '0',
    '-1',
    '1.5',
    '1e1',
    '0x10',
    '%201',
    '+1',
    '01',
    '2147483648',
    '9'.repeat(40),
  ])('refuses the id %s', async (id) => {
    const requests = [
      http().get(`/users/${id}`),
      http().get(`/users/${id}/posts`),
      http().patch(`/users/${id}`).send({ age: 1 }),
      http().delete(`/posts/${id}`),
    ]
    expect(await Promise.all(requests.map(status))).toEqual([400, 400, 400, 400])
  })
})

describe('GET /stats', () => {
  it('counts the posts of each author, as PostgreSQL does', async () => {
    const { body, headers } = await http().get('/stats').expect(200)
    expect(headers['x-db-query-count']).toBe('1')
    expect(body).toEqual(
      await query(`
        select author_id as "authorId", count(*)::int as posts, avg(likes)::float8 as likes
        from ${exampleSchema}.posts group by author_id order by author_id`),
    )
  })
})

describe('GET /tags', () => {
  it('counts the posts of each tag with one query', async () => {
    const { body, headers } = await http().get('/tags').expect(200)
    expect(headers['x-db-query-count']).toBe('1')
    expect(body).toHaveLength(12)
    expect(body).toEqual(
      await query(`
        select id, name, count(*)::int as posts
        from ${exampleSchema}.tags join ${exampleSchema}.post_tags on tag_id = id group by id order by name`),
    )
  })
})

describe('an unknown path', () => {
  it('is a 404', async () => {
    expect(await status(http().get('/nowhere'))).toBe(404)
  })
})

interface Row {
  readonly id: number
  readonly authorId: number
}
