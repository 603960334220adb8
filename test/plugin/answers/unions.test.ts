import type { FastifyInstance } from 'fastify'
import { serializerCompiler } from 'fastify-type-provider-zod'
import { Type } from 'typebox'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { selectinload } from '../../../orm/index.ts'
import { testDatabase } from '../../support/database.ts'
import { blog, Post, User } from '../../support/entities.ts'
import { serve, type Served, watchForLeaks } from '../serve.ts'

const stored = await testDatabase(blog)
const { database, query } = stored
watchForLeaks(stored)

const post = {
  type: 'object',
  properties: { id: { type: 'integer' }, title: { type: 'string' } },
  required: ['id', 'title'],
} as const
const user = {
  type: 'object',
  properties: {
    id: { type: 'integer' },
    name: { type: 'string' },
    age: { type: ['integer', 'null'] },
    createdAt: { type: 'string', format: 'date-time' },
    passwordHash: { type: 'string' },
    posts: { type: 'array', items: post },
  },
  required: ['id', 'name', 'createdAt', 'posts'],
} as const
const nothing = { type: 'null' } as const
const either = (...schemas: object[]): object => ({ anyOf: schemas })

const users = () => User.find().orderBy((row) => row.id.asc())
const withPosts = () => users().options(selectinload(User.posts))
const first = () => withPosts().first()
const none = () => withPosts().filter({ id: 9 }).first()

/** A schema, what is answered, and the same schema without a union. */
const cases: Readonly<Record<string, readonly [object, () => unknown, object]>> = {
  'first() or null': [either(user, nothing), first, user],
  'null or first()': [either(nothing, user), first, user],
  'one of them': [{ oneOf: [nothing, user] }, first, user],
  'a list or an error': [
    either(
      { type: 'object', properties: { error: { type: 'string' } }, required: ['error'] },
      { type: 'array', items: user },
    ),
    () => withPosts().toList(),
    { type: 'array', items: user },
  ],
  'a list whose items are unions': [
    { type: 'array', items: either(user, nothing) },
    () => withPosts().toList(),
    { type: 'array', items: user },
  ],
  'a page': [
    { type: 'object', properties: { items: either({ type: 'array', items: user }, nothing) } },
    async () => ({ items: await withPosts().toList(), total: 2 }),
    { type: 'object', properties: { items: { type: 'array', items: user } } },
  ],
  'an entity in an object in an array': [
    { type: 'array', items: { type: 'object', properties: { owner: either(user, nothing) } } },
    async () => [{ owner: await first() }],
    { type: 'array', items: { type: 'object', properties: { owner: user } } },
  ],
  'a relation': [
    { type: 'object', properties: { posts: either({ type: 'array', items: post }, nothing) } },
    async () => ({ posts: (await first())?.posts }),
    { type: 'object', properties: { posts: { type: 'array', items: post } } },
  ],
  'a date that may be null': [
    {
      ...user,
      properties: {
        ...user.properties,
        createdAt: either({ type: 'string', format: 'date-time' }, nothing),
      },
    },
    first,
    user,
  ],
  'a union behind a reference': [{ $ref: 'maybeUser#' }, first, user],
  'if, then, else': [
    // oxlint-disable-next-line unicorn/no-thenable -- the keyword of JSON Schema
    { if: user, then: user, else: { type: 'object', properties: { error: { type: 'string' } } } },
    first,
    user,
  ],
  TypeBox: [
    Type.Union([
      Type.Null(),
      Type.Object({ id: Type.Integer(), posts: Type.Array(Type.Object({ id: Type.Integer() })) }),
    ]),
    first,
    Type.Object({ id: Type.Integer(), posts: Type.Array(Type.Object({ id: Type.Integer() })) }),
  ],
  'kinds told by a constant': [
    {
      oneOf: ['user', 'post'].map((kind) => ({
        type: 'object',
        properties: { kind: { const: kind }, value: kind === 'user' ? user : post },
        required: ['kind', 'value'],
      })),
    },
    async () => ({ kind: 'user', value: await first() }),
    { type: 'object', properties: { kind: { type: 'string' }, value: user } },
  ],
}

let served: Served
beforeAll(async () => {
  await query(
    `insert into users (name, email, password_hash) values ('ann', 'a', 'secret'), ('bob', 'b', 'secret')`,
  )
  await query(`insert into posts (title, author_id) values ('one', 1), ('two', 1), ('three', 2)`)
  served = await serve({ database }, routes)
})
afterAll(() => served[Symbol.asyncDispose]())

function routes(app: FastifyInstance): void {
  app.addSchema({ $id: 'maybeUser', ...either(user, nothing) })
  Object.values(cases).forEach(([schema, answer, plain], index) => {
    app.get(`/${index}/union`, { schema: { response: { '2xx': schema } } }, answer)
    app.get(`/${index}/plain`, { schema: { response: { 200: plain } } }, answer)
  })
  app.get('/none', { schema: { response: { 200: either(user, nothing) } } }, none)
  app.get('/mismatch', { schema: { response: { 200: either(post, nothing) } } }, () =>
    users().first(),
  )
  app.register(async (scope) => {
    scope.setSerializerCompiler(serializerCompiler)
    const posts = z.array(z.object({ id: z.number() }))
    const response = { 200: z.union([z.null(), z.object({ name: z.string(), posts })]) }
    scope.get('/zod', { schema: { response } }, first)
  })
  app.get('/later', { schema: { response: { 200: either(user, nothing) } } }, async () => {
    const [one] = await withPosts().toList()
    return Object.assign(one as User, { createdAt: new Date(0) })
  })
}

describe('an entity in a response schema with a union', () => {
  it.each(Object.keys(cases).map((name, index) => [name, index] as const))(
    'is serialised as with the plain schema: %s',
    async (_, index) => {
      const [union, plain] = await Promise.all(
        ['union', 'plain'].map((kind) => served.fetch(`/${index}/${kind}`)),
      )
      const [text, expected] = await Promise.all([union?.text(), plain?.text()])
      expect([union?.status, text]).toEqual([200, expected])
      expect(text).toMatch(/"id":1\b/)
      expect(text).not.toContain('secret')
    },
  )

  it('is null where there is none', async () => {
    const response = await served.fetch('/none')
    expect([response.status, await response.text()]).toEqual([200, 'null'])
  })

  it('has its dates as ISO text', async () => {
    const json = (await (await served.fetch('/later')).json()) as Record<string, unknown>
    expect(json).toMatchObject({ createdAt: '1970-01-01T00:00:00.000Z' })
  })

  it('is serialised by Zod', async () => {
    const response = await served.fetch('/zod')
    expect(await response.json()).toEqual({ name: 'ann', posts: [{ id: 1 }, { id: 2 }] })
  })

  it('is a 500 where it matches none of them', async () => {
    const response = await served.fetch('/mismatch')
    expect(response.status).toBe(500)
    expect(await response.text()).toContain('does not match schema definition')
  })
})

it('leaves what has no entity as it is, circles too', async () => {
  const circle: Record<string, unknown> = { name: 'x', list: [1, { at: new Date(0) }] }
  circle['self'] = circle
  const seen: unknown[] = []
  await using other = await serve({ database }, (app) => {
    app.addHook('preSerialization', async (_request, _reply, payload) => {
      seen.push(payload)
      return payload
    })
    const response = {
      200: either({ type: 'object', properties: { name: { type: 'string' } } }, nothing),
    }
    app.get('/', { schema: { response } }, async () => circle)
    app.get('/posts', async () => Post.find().first())
  })
  expect(await (await other.fetch('/')).json()).toEqual({ name: 'x' })
  expect(seen[0]).toBe(circle)
  // A route without a response schema: later hooks see the entity itself.
  expect(await (await other.fetch('/posts')).json()).toMatchObject({ id: 1 })
  expect(seen[1]).toBeInstanceOf(Post)
})
