import assert from 'node:assert/strict'
import type { FastifyInstance } from 'fastify'
import supertest from 'supertest'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { buildApp } from '../../example-api/app.ts'
import { openDatabase } from '../../example-api/database.ts'
import { testDatabase } from '../support/database.ts'
import { busyConnections, exampleSchema } from './support.ts'

const largest = 2_147_483_647
const server = await testDatabase()
const stack = new AsyncDisposableStack()
let app: FastifyInstance

beforeAll(async () => {
  const { database } = stack.use(
    await openDatabase({ databaseUrl: server.url, schema: exampleSchema }),
  )
  app = stack.adopt(await buildApp({ database }), (made) => made.close())
  await app.listen({ port: 0 })
})

afterAll(() => stack.disposeAsync())

afterEach(async () => {
  assert.deepEqual(await busyConnections(server), [])
})

describe('GET /health', () => {
  it('answers without a session', async () => {
    const response = await http().get('/health').expect(200, { status: 'ok' })
    expect(response.headers).not.toHaveProperty('x-db-query-count')
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

  it.each(['limit=0', 'limit=101', 'limit=ten', 'lazy=perhaps'])('refuses %s', async (query) => {
    expect(await status(http().get(`/posts?${query}`))).toBe(400)
  })
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

describe('POST /users', () => {
  it('answers 201 with the row, which is saved', async () => {
    const given = { name: 'Zoe', email: 'zoe@example.com', age: 33 }
    const { body, headers } = await http().post('/users').send(given).expect(201)
    expect(headers['x-db-query-count']).toBe('1')
    expect(headers['location']).toBe(`/users/${body.id}`)
    expect(body).toEqual({ ...given, id: expect.any(Number), active: true, createdAt: aDate })
    expect(await rows('users', body.id)).toMatchObject([given])
  })

  it('takes nothing but its own properties', async () => {
    const given = { name: 'Yan', email: 'yan@example.com', id: 1, passwordHash: 'mine' }
    const { body } = await http().post('/users').send(given).expect(201)
    expect(body.id).not.toBe(1)
    expect(await rows('users', body.id)).toMatchObject([{ password_hash: null }])
  })

  it.each([
    {},
    { name: 'No address' },
    { name: '', email: 'empty@example.com' },
    { name: 'Bad', email: 'no address' },
    { name: 'Bad', email: 'age@example.com', age: 'old' },
    { name: 'Bad', email: 'age@example.com', age: 1e10 },
  ])('refuses %j', async (body) => {
    const { headers } = await http().post('/users').send(body).expect(400)
    expect(headers).not.toHaveProperty('x-db-query-count')
  })

  it('refuses what is no JSON', async () => {
    const request = http().post('/users').set('content-type', 'application/json').send('{')
    expect(await status(request)).toBe(400)
  })

  it('answers 400 to text that PostgreSQL cannot hold', async () => {
    const given = { name: 'a\0b', email: 'zero@example.com' }
    const { text } = await http().post('/users').send(given).expect(400)
    expect(details(text, given)).toEqual([])
  })

  it('answers 409 to an address that is taken, and writes nothing', async () => {
    const before = await count('users')
    const given = { name: 'Another', email: 'ada.archer@example.com' }
    const { text, body } = await http().post('/users').send(given).expect(409)
    expect(body).toMatchObject({ statusCode: 409, code: 'DATA_BRIDGE_ERR_UNIQUE' })
    expect(details(text, given)).toEqual([])
    expect(await count('users')).toBe(before)
  })

  it('saves one of two that come at once with one address', async () => {
    const given = { name: 'Twin', email: 'twin@example.com' }
    const answers = await Promise.all([1, 2, 3, 4].map(() => http().post('/users').send(given)))
    const statuses = answers.map((answer) => answer.status)
    expect(statuses.filter((each) => each !== 409)).toEqual([201])
  })
})

describe('PATCH /users/:id', () => {
  it('changes what is given', async () => {
    const changes = { name: 'Ben the second', active: false }
    const { body, headers } = await http().patch('/users/2').send(changes).expect(200)
    expect(headers['x-db-query-count']).toBe('2')
    expect(body).toMatchObject({ id: 2, email: 'ben.archer@example.com', ...changes })
    expect(await rows('users', 2)).toMatchObject([{ ...changes, age: 25 }])
  })

  it('can empty the age', async () => {
    const { body } = await http().patch('/users/3').send({ age: null }).expect(200)
    expect(body.age).toBeNull()
  })

  it('refuses a body without a change', async () => {
    expect(await status(http().patch('/users/3').send({}))).toBe(400)
  })

  it('answers 404 where there is none', async () => {
    expect(await status(http().patch(`/users/${largest}`).send({ age: 1 }))).toBe(404)
  })

  it('answers 409 to an address that is taken, and changes nothing', async () => {
    const before = await rows('users', 4)
    const changes = { name: 'Other', email: 'ada.archer@example.com' }
    const { text } = await http().patch('/users/4').send(changes).expect(409)
    expect(details(text, changes)).toEqual([])
    expect(await rows('users', 4)).toEqual(before)
  })
})

describe('POST /posts', () => {
  it('answers 201 with the row', async () => {
    const given = { authorId: 5, title: 'New' }
    const { body, headers } = await http().post('/posts').send(given).expect(201)
    expect(headers['x-db-query-count']).toBe('1')
    expect(body).toEqual({ id: expect.any(Number), likes: 0, ...given })
    expect(await rows('posts', body.id)).toMatchObject([{ author_id: 5, title: 'New' }])
  })

  it('answers 409 to an unknown author, and writes nothing', async () => {
    const before = await count('posts')
    const given = { authorId: largest, title: 'Orphan' }
    const { text, body } = await http().post('/posts').send(given).expect(409)
    expect(body).toMatchObject({ code: 'DATA_BRIDGE_ERR_FOREIGN_KEY' })
    expect(details(text, given)).toEqual([])
    expect(await count('posts')).toBe(before)
  })

  it.each([{ title: 'No author' }, { authorId: 0, title: 'Zero' }, { authorId: 1, title: '' }])(
    'refuses %j',
    async (body) => {
      expect(await status(http().post('/posts').send(body))).toBe(400)
    },
  )
})

describe('DELETE /posts/:id', () => {
  it('answers 204, and the comments are gone too', async () => {
    const comments = () =>
      server.query(`select id from ${exampleSchema}.comments where post_id = 600`)
    expect(await comments()).toHaveLength(4)
    const { text, headers } = await http().delete('/posts/600').expect(204)
    expect(text).toBe('')
    expect(headers['x-db-query-count']).toBe('2')
    expect(await rows('posts', 600)).toEqual([])
    expect(await comments()).toEqual([])
    await http().delete('/posts/600').expect(404)
  })
})

describe('POST /transfer-posts', () => {
  it('moves the posts and says how many', async () => {
    const { body } = await http().post('/transfer-posts').send({ from: 20, to: 21 }).expect(200)
    expect(body).toEqual({ moved: 10 })
    expect(await postsOf(20)).toBe(0)
    expect(await postsOf(21)).toBe(20)
  })

  it('moves nothing when it fails after the writes', async () => {
    const given = { from: 22, to: 23, failAfter: true }
    const { text, headers } = await http().post('/transfer-posts').send(given).expect(500)
    expect(Number(headers['x-db-query-count'])).toBe(4) // the writes were sent
    expect(details(text)).toEqual([])
    expect(await postsOf(22)).toBe(10)
    expect(await postsOf(23)).toBe(10)
  })

  it.each([
    { from: 24, to: largest },
    { from: largest, to: 24 },
  ])('answers 404 to an unknown user: %j', async (given) => {
    const { text } = await http().post('/transfer-posts').send(given).expect(404)
    expect(details(text)).toEqual([])
    expect(await postsOf(24)).toBe(10)
  })

  it('moves nothing from a user to the same', async () => {
    const { body } = await http().post('/transfer-posts').send({ from: 25, to: 25 }).expect(200)
    expect(body).toEqual({ moved: 0 })
  })

  it.each([{}, { from: 1 }, { from: 1, to: 'two' }, { from: 1, to: 2, failAfter: 'maybe' }])(
    'refuses %j',
    async (body) => {
      expect(await status(http().post('/transfer-posts').send(body))).toBe(400)
    },
  )
})

describe('GET /stats', () => {
  it('counts the posts of each author, as PostgreSQL does', async () => {
    const { body, headers } = await http().get('/stats').expect(200)
    expect(headers['x-db-query-count']).toBe('1')
    expect(body).toEqual(
      await server.query(`
        select author_id as "authorId", count(*)::int as posts, avg(likes)::float8 as likes
        from ${exampleSchema}.posts group by author_id order by author_id`),
    )
  })
})

describe('an unknown path', () => {
  it('is a 404', async () => {
    expect(await status(http().get('/nowhere'))).toBe(404)
  })
})

interface Row {
  readonly authorId: number
}

const aDate = expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/)

function http(): ReturnType<typeof supertest> {
  return supertest(app.server)
}

/** What is really stored. */
function rows(table: string, id: number): Promise<object[]> {
  return server.query(`select * from ${exampleSchema}.${table} where id = $1`, [id])
}

async function count(table: string): Promise<unknown> {
  const [row] = await server.query(`select count(*)::int from ${exampleSchema}.${table}`)
  return row?.['count']
}

async function postsOf(authorId: number): Promise<number> {
  const found = await server.query(`select id from ${exampleSchema}.posts where author_id = $1`, [
    authorId,
  ])
  return found.length
}

/** What an error's text tells of SQL, of the schema, or of the values that were sent. */
function details(text: string, sent: Record<string, unknown> = {}): string[] {
  const names =
    /select|insert|update|returning|\bfrom\b|unnest|\$\d|users|posts|comments|email|author|title/gi
  const constraints = /\w+_(?:key|fkey|pkey|id)\b/g
  const values = Object.values(sent).map(String)
  return [
    ...(text.match(names) ?? []),
    ...(text.match(constraints) ?? []),
    ...values.filter((value) => text.includes(value)),
  ]
}

async function status(request: supertest.Test): Promise<number> {
  const response = await request
  return response.status
}
