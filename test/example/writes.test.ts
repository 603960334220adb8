import { describe, expect, it } from 'vitest'
import { connect } from '../support/database.ts'
import { details, exampleApi, largest, status } from './api.ts'
import { exampleSchema } from './support.ts'

const { http, query, rows, count, postsOf, url } = await exampleApi()

const aDate = expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/)

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

  it('links tags, and makes those that are new', async () => {
    const given = { authorId: 5, title: 'Tagged', tags: ['music', 'brand new'] }
    const { body, headers } = await http().post('/posts').send(given).expect(201)
    expect(headers['x-db-query-count']).toBe('4')
    const tag = (name: string): unknown => ({ id: expect.any(Number), name })
    expect(body.tags).toEqual(expect.arrayContaining(given.tags.map(tag)))
    expect(
      await query(
        `select name from ${exampleSchema}.tags join ${exampleSchema}.post_tags on tag_id = id
         where post_id = $1 order by name`,
        [body.id],
      ),
    ).toEqual([{ name: 'brand new' }, { name: 'music' }])
  })

  it('makes a tag once, however many requests name it', async () => {
    const given = { authorId: 5, title: 'Tagged', tags: ['made at once'] }
    const answers = await Promise.all([1, 2, 3, 4].map(() => http().post('/posts').send(given)))
    expect(answers.map((answer) => answer.status)).toEqual([201, 201, 201, 201])
    expect(
      await query(`select 1 from ${exampleSchema}.tags where name = 'made at once'`),
    ).toHaveLength(1)
  })

  it('makes the same tags in any order, without a deadlock', async () => {
    const [first, second] = [
      ['x', 'held', 'y'],
      ['y', 'held', 'x'],
    ]
    const send = (tags: unknown) =>
      status(http().post('/posts').send({ authorId: 5, title: 'Tagged', tags }))
    const other = await connect(url)
    await other.query(`begin; insert into ${exampleSchema}.tags (name) values ('held')`)
    const answers = Promise.all([send(first), send(second)])
    await expect
      .poll(() => query(`select from pg_locks where locktype = 'transactionid' and not granted`))
      .toHaveLength(2)
    await other.end()
    expect(await answers).toEqual([201, 201])
  })

  it('answers 409 to an unknown author, and writes nothing', async () => {
    const before = await count('posts')
    const given = { authorId: largest, title: 'Orphan', tags: ['never made'] }
    const { text, body } = await http().post('/posts').send(given).expect(409)
    expect(body).toMatchObject({ code: 'DATA_BRIDGE_ERR_FOREIGN_KEY' })
    expect(details(text, given)).toEqual([])
    expect(await count('posts')).toBe(before)
    expect(await query(`select 1 from ${exampleSchema}.tags where name = 'never made'`)).toEqual([])
  })

  it.each([
    { title: 'No author' },
    { authorId: 0, title: 'Zero' },
    { authorId: 1, title: '' },
    { authorId: 1, title: 'T', tags: [''] },
  ])('refuses %j', async (body) => {
    expect(await status(http().post('/posts').send(body))).toBe(400)
  })
})

describe('DELETE /posts/:id', () => {
  it('answers 204, and the comments are gone too', async () => {
    const comments = () => query(`select id from ${exampleSchema}.comments where post_id = 600`)
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
