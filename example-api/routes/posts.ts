import type { FastifyInstance } from 'fastify'
import { selectinload } from 'fastify-data-bridge'
import { Post } from '../entities.ts'
import { found } from '../errors.ts'
import {
  errorSchema,
  type IdParams,
  idParamsSchema,
  keySchema,
  limitSchema,
  postSchema,
  postWithAuthorSchema,
} from '../schemas.ts'

export async function postRoutes(app: FastifyInstance): Promise<void> {
  app.get<{ Querystring: ListQuery }>('/posts', { schema: listSchema }, async (request) => {
    const { limit, lazy, tag } = request.query
    const posts = request.session.find(Post)
    const chosen =
      tag === undefined ? posts : posts.filter((post) => post.tags.any((each) => each.name.eq(tag)))
    const page = chosen.orderBy((post) => post.id.asc()).limit(limit)
    if (!lazy) return page.options(selectinload(Post.author)).toList()

    // The N+1 problem, on purpose: one query for each author.
    const found = await page.toList()
    for (const post of found) await post.author
    return found
  })

  app.post<{ Body: NewPost }>('/posts', { schema: createSchema }, async (request, reply) => {
    const post = new Post(request.body)
    request.session.add(post)
    await request.session.flush() // gives it its id. It is committed before the response leaves
    reply.code(201)
    return post
  })

  app.delete<{ Params: IdParams }>(
    '/posts/:id',
    { schema: deleteSchema },
    async (request, reply) => {
      const post = found(await request.session.get(Post, request.params.id), 'post')
      request.session.delete(post)
      return reply.code(204).send()
    },
  )
}

interface ListQuery {
  readonly limit: number
  readonly lazy: boolean
  /** The name of a tag. The list has only its posts. */
  readonly tag?: string
}

interface NewPost {
  readonly authorId: number
  readonly title: string
}

const listSchema = {
  querystring: {
    type: 'object',
    properties: {
      limit: limitSchema,
      lazy: { type: 'boolean', default: false },
      tag: { type: 'string', minLength: 1, maxLength: 50 },
    },
  },
  response: { 200: { type: 'array', items: postWithAuthorSchema } },
}

const createSchema = {
  body: {
    type: 'object',
    required: ['authorId', 'title'],
    additionalProperties: false,
    properties: { authorId: keySchema, title: { type: 'string', minLength: 1, maxLength: 200 } },
  },
  response: { 201: postSchema, 409: errorSchema('There is no such author.') },
}

const deleteSchema = {
  params: idParamsSchema,
  response: { 204: { type: 'null' }, 404: errorSchema('There is no such post.') },
}
