import type { FastifyInstance } from 'fastify'
import { selectinload, type Session, sql } from 'fastify-data-bridge'
import { Post, Tag } from '../entities.ts'
import { found } from '../errors.ts'
import {
  errorSchema,
  type IdParams,
  idParamsSchema,
  keySchema,
  limitSchema,
  postWithAuthorSchema,
  postWithTagsSchema,
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
    const list = await page.toList()
    for (const post of list) await post.author
    return list
  })

  app.post<{ Body: NewPost }>('/posts', { schema: createSchema }, async (request, reply) => {
    const { tags, ...values } = request.body
    const post = new Post(values)
    if (tags !== undefined) post.tags.add(await tagsNamed(request.session, tags))
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

/** The tags with these names. Requests that make the same ones at once wait for each other, so they need one order. */
async function tagsNamed(session: Session, given: readonly string[]): Promise<Tag[]> {
  if (given.length === 0) return []
  const names = given.toSorted()
  await session.execute(
    sql`insert into ${Tag} (${Tag.columns.name}) select unnest(${names}::text[]) on conflict do nothing`,
  )
  return session.find(Tag).filter({ name: names }).toList()
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
  readonly tags?: readonly string[]
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
    properties: {
      authorId: keySchema,
      title: { type: 'string', minLength: 1, maxLength: 200 },
      tags: {
        type: 'array',
        maxItems: 10,
        uniqueItems: true,
        items: { type: 'string', minLength: 1, maxLength: 50 },
      },
    },
  },
  response: { 201: postWithTagsSchema, 409: errorSchema('There is no such author.') },
}

const deleteSchema = {
  params: idParamsSchema,
  response: { 204: { type: 'null' }, 404: errorSchema('There is no such post.') },
}
