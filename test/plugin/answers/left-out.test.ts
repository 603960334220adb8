import type { FastifyInstance } from 'fastify'
import { serializerCompiler, validatorCompiler } from 'fastify-type-provider-zod'
import { beforeEach, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { selectinload, undefer } from '../../../orm/index.ts'
import { Article, Author, press, pressRows } from '../../support/articles.ts'
import { testDatabase } from '../../support/database.ts'
import { blog, Comment, Post, User } from '../../support/entities.ts'
import { serve, watchForLeaks } from '../serve.ts'

const stored = await testDatabase([...blog, ...press])
const { database, query } = stored
watchForLeaks(stored)
beforeEach(async () => {
  await stored.truncate()
  await query(`
    insert into users (name, email, password_hash) values ('u1', 'u1@example.com', 'secret');
    insert into posts (title, author_id) values ('p1', 1), ('p2', 1);
    insert into comments (body, post_id) values ('c1', 1);
    ${pressRows}`)
})

const integer = { type: 'integer' } as const
const text = { type: 'string' } as const
const user = { type: 'object', properties: { id: integer, name: text }, required: ['id'] } as const
const withAuthor = {
  type: 'object',
  properties: { id: integer, author: user },
  required: ['id', 'author'],
} as const
const nothing = { type: 'null' } as const
const failed = {
  type: 'object',
  properties: { statusCode: integer, code: text, error: text, message: text },
} as const
const list = (items: object): object => ({ type: 'array', items })

interface Answered {
  readonly status: number
  readonly body: string
  /** What was logged with errors. */
  readonly logged: string
}

/** What a client gets of an answer with a response schema. */
async function answerOf(
  response: object,
  answer: () => unknown,
  setUp: (app: FastifyInstance) => void = () => undefined,
): Promise<Answered> {
  await using served = await serve({ database }, (app) => {
    setUp(app)
    app.get('/things/:id', { schema: { response } }, async () => answer())
  })
  const got = await served.fetch('/things/1')
  const errors = served.logs.filter(({ err }) => err !== undefined)
  expect(errors.length).toBe(got.status === 200 ? 0 : 1)
  return { status: got.status, body: await got.text(), logged: JSON.stringify(errors) }
}

const post = () => Post.find().filter({ id: 1 }).one()
const hint =
  'Post.author is not loaded, and the response schema of GET /things/:id requires it: ' +
  'load it with the query: .options(selectinload(Post.author))'

function expectHidden({ status, body }: Answered, code = 'RELATION_NOT_LOADED'): void {
  expect(status).toBe(500)
  expect(JSON.parse(body)).toEqual({
    statusCode: 500,
    code: `DATA_BRIDGE_ERR_${code}`,
    error: 'Internal Server Error',
    message: 'The request could not be handled.',
  })
}

describe('a response schema that requires a relation that is not loaded', () => {
  it.each<[string, object, () => unknown]>([
    ['of an entity', { 200: withAuthor }, post],
    ['for any success', { '2xx': withAuthor }, post],
    ['by default', { default: withAuthor, '5xx': failed }, post],
    [
      'for a content type',
      { 200: { content: { 'application/json': { schema: withAuthor } } } },
      post,
    ],
    ['in a list', { 200: list(withAuthor) }, () => Post.find().toList()],
    [
      'in an object',
      { 200: { type: 'object', properties: { items: list(withAuthor), total: integer } } },
      async () => ({ items: await Post.find().toList(), total: 2 }),
    ],
    [
      'of a relation that is loaded',
      { 200: { type: 'object', properties: { posts: list(withAuthor) } } },
      () =>
        User.find()
          .options(selectinload(User.posts).options(selectinload(Post.comments)))
          .one()
          .then(({ posts }) => ({ posts })),
    ],
    [
      'of nested entities',
      {
        200: list({
          type: 'object',
          properties: { post: withAuthor },
          required: ['post'],
        }),
      },
      () => Comment.find().options(selectinload(Comment.post)).toList(),
    ],
    [
      'that may be null',
      { 200: { ...withAuthor, properties: { id: integer, author: { ...user, nullable: true } } } },
      post,
    ],
    ['of an object that may be null', { 200: { ...withAuthor, nullable: true } }, post],
  ])('names it and its loader: %s', async (_, response, answer) => {
    const answered = await answerOf(response, answer)
    expectHidden(answered)
    expect(answered.logged).toContain(hint)
    expect(answered.logged).toContain('is required!')
  })

  it('names it behind a $ref to a shared schema', async () => {
    const answered = await answerOf(
      { 200: list({ $ref: 'post#' }) },
      () => Post.find().toList(),
      (app) => {
        app.addSchema({ $id: 'author', ...user })
        app.addSchema({
          $id: 'post',
          type: 'object',
          properties: { id: integer, author: { $ref: 'author#' } },
          required: ['author'],
        })
      },
    )
    expectHidden(answered)
    expect(answered.logged).toContain(hint)
  })

  it('names it where another hook has put the payload into an object', async () => {
    const answered = await answerOf(
      { 200: { type: 'object', properties: { data: withAuthor }, required: ['data'] } },
      post,
      (app) => {
        app.after(() => {
          app.addHook('preSerialization', async (_request, _reply, payload) => ({ data: payload }))
        })
      },
    )
    expectHidden(answered)
    expect(answered.logged).toContain(hint)
  })

  it.each<[string, object]>([
    ['anyOf', { anyOf: [nothing, withAuthor] }],
    ['oneOf', { oneOf: [withAuthor, nothing] }],
  ])('names what it may require in %s', async (_, schema) => {
    const answered = await answerOf({ 200: schema }, post)
    expectHidden(answered)
    expect(answered.logged).toContain(hint.replace('requires', 'may require'))
    expect(answered.logged).toContain('does not match schema definition')
  })

  it('names it for a serializer of the reply, of the scope, and of another kind of schema', async () => {
    const serialize = (payload: unknown): string => {
      const { author } = payload as { author?: object }
      if (author === undefined) throw new Error('there is no author')
      return JSON.stringify(payload)
    }
    const may = hint.replace('requires', 'may require')
    const ofScope = await answerOf({ 200: withAuthor }, post, (app) => {
      app.setReplySerializer(serialize)
    })
    const byZod = await answerOf(
      { 200: z.object({ author: z.object({ id: z.number() }) }) },
      post,
      (app) => {
        app.setValidatorCompiler(validatorCompiler)
        app.setSerializerCompiler(serializerCompiler)
      },
    )
    for (const answered of [ofScope, byZod]) {
      expectHidden(answered)
      expect(answered.logged).toContain(may)
    }
    await using served = await serve({ database }, (app) => {
      app.get(
        '/things/:id',
        { schema: { response: { 200: withAuthor } } },
        async (_request, reply) => {
          reply.serializer(serialize)
          return post()
        },
      )
    })
    const got = await served.fetch('/things/1')
    expect([got.status, await got.text()]).toEqual([500, expect.not.stringContaining('author')])
    expect(JSON.stringify(served.logs)).toContain(may)
  })

  it('names the first of several databases, and the code for the error handler', async () => {
    await using served = await serve({ database }, (app) => {
      app.setErrorHandler((error: Error & { code?: string }, _request, reply) =>
        reply.code(503).send({ seen: error.code, message: error.message }),
      )
      app.get('/things/:id', { schema: { response: { 200: withAuthor } } }, () => post())
    })
    const got = await served.fetch('/things/1')
    expect(await got.json()).toEqual({
      seen: 'DATA_BRIDGE_ERR_RELATION_NOT_LOADED',
      message: 'The request could not be handled.',
    })
  })

  it('says why a loaded relation is not in the JSON', async () => {
    const answered = await answerOf(
      { 200: { type: 'object', properties: { posts: list(withAuthor) } } },
      () =>
        User.find()
          .options(selectinload(User.posts).options(selectinload(Post.author)))
          .one(),
    )
    expect(answered.status).toBe(200)
    const again = await answerOf({ 200: list(withAuthor) }, async () => {
      const posts = await Post.find().toList()
      await Post.find().options(selectinload(Post.author)).toList()
      return posts
    })
    expectHidden(again)
    expect(again.logged).toContain('Post.author is loaded, but not by the query of this result')
  })
})

describe('a response schema that requires a column that is not in the JSON', () => {
  it('names a deferred column and undefer()', async () => {
    const schema = { type: 'object', properties: { body: text }, required: ['body'] }
    const answered = await answerOf({ 200: schema }, () => Article.find().filter({ id: 1 }).one())
    expectHidden(answered, 'ENTITY')
    expect(answered.logged).toContain(
      'Article.body is not loaded, since it is deferred, and the response schema of GET /things/:id requires it: ' +
        "load it with the query: .options(undefer(Article, 'body'))",
    )
    const loaded = await answerOf({ 200: schema }, () =>
      Article.find().filter({ id: 1 }).options(undefer(Article, 'body')).one(),
    )
    expect(loaded).toMatchObject({ status: 200, body: '{"body":"body 1"}' })
  })

  it('says that a hidden column is hidden', async () => {
    const schema = { ...user, properties: { passwordHash: text }, required: ['passwordHash'] }
    const answered = await answerOf({ 200: schema }, () => User.find().one())
    expectHidden(answered, 'ENTITY')
    expect(answered.logged).toContain(
      'User.passwordHash is hidden, so JSON leaves it out, and the response schema of GET /things/:id requires it',
    )
    expect(answered.logged).not.toContain('secret')
  })
})

describe('a response', () => {
  it('leaves out relations and columns that are optional in its schema', async () => {
    const answered = await answerOf({ 200: list({ ...withAuthor, required: ['id'] }) }, () =>
      Post.find()
        .orderBy((row) => row.id.asc())
        .toList(),
    )
    expect(answered).toMatchObject({ status: 200, body: '[{"id":1},{"id":2}]' })
    const articles = await answerOf(
      { 200: { type: 'object', properties: { id: integer, body: text, name: text } } },
      () => Author.find().filter({ id: 1 }).one(),
    )
    expect(articles).toMatchObject({ status: 200, body: '{"id":1,"name":"Ann"}' })
  })

  it('has the error of its serializer where nothing of an entity is missing', async () => {
    const schema = { type: 'object', properties: { sum: integer }, required: ['sum'] }
    for (const answer of [() => ({}), post]) {
      const answered = await answerOf({ 200: schema }, answer)
      expect(answered.status).toBe(500)
      expect(JSON.parse(answered.body)).toMatchObject({ message: '"sum" is required!' })
    }
  })

  it('has the error of a serializer that misses something else, though a relation is not loaded', async () => {
    const schema = {
      type: 'object',
      properties: { author: user, title: text, sum: integer },
      required: ['sum'],
    }
    const answered = await answerOf({ 200: schema }, post)
    expect(JSON.parse(answered.body)).toMatchObject({ message: '"sum" is required!' })
  })

  it('has the error of its serializer where an object beside the entity misses a property of that name', async () => {
    const beside = { type: 'object', properties: { author: text }, required: ['author'] }
    const optional = { ...withAuthor, required: ['id'] }
    const frozen = Object.freeze({ id: 1, author: Object.freeze({ id: 1, name: 'x' }) })
    const all = { type: 'object', properties: { post: optional, frozen: optional, beside } }
    const answered = await answerOf({ 200: all }, async () => ({
      post: await post(),
      frozen,
      beside: {},
    }))
    expect(JSON.parse(answered.body)).toMatchObject({ message: '"author" is required!' })
    const needed = { type: 'object', properties: { beside: optional, post: withAuthor } }
    const explained = await answerOf({ 200: needed }, async () => ({
      beside: { id: 1 },
      post: await post(),
    }))
    expectHidden(explained)
    expect(explained.logged).toContain(hint)
  })
})
