import type { FastifyInstance } from 'fastify'
import { selectinload } from 'fastify-data-bridge'
import { Post, User } from '../entities.ts'
import { found } from '../errors.ts'
import {
  errorSchema,
  type IdParams,
  idParamsSchema,
  limitSchema,
  postSchema,
  userSchema,
  userWithPostsSchema,
} from '../schemas.ts'

/** The values of `include`. Each level is one more query, no matter how many rows there are. */
const included = {
  posts: selectinload(User.posts),
  'posts.comments': selectinload(User.posts).options(selectinload(Post.comments)),
}

export async function userRoutes(app: FastifyInstance): Promise<void> {
  app.get<{ Querystring: ListQuery }>('/users', { schema: listSchema }, async (request) => {
    const { limit, include } = request.query
    const page = request.session
      .find(User)
      .orderBy((user) => user.id.asc())
      .limit(limit)
    return include === undefined ? page.toList() : page.options(included[include]).toList()
  })

  app.get<{ Params: IdParams }>('/users/:id', { schema: getSchema }, async (request) =>
    found(await request.session.get(User, request.params.id), 'user'),
  )

  app.get<{ Params: IdParams; Querystring: PageQuery }>(
    '/users/:id/posts',
    { schema: postsSchema },
    async (request) => {
      const user = found(await request.session.get(User, request.params.id), 'user')
      return request.session
        .find(Post)
        .filter({ authorId: user.id })
        .orderBy((post) => post.id.asc())
        .limit(request.query.limit)
        .toList()
    },
  )

  app.post<{ Body: NewUser }>('/users', { schema: createSchema }, async (request, reply) => {
    const user = new User(request.body)
    request.session.add(user)
    await request.session.flush() // gives it its id. It is committed before the response leaves
    reply.code(201).header('location', `/users/${user.id}`)
    return user
  })

  app.patch<{ Params: IdParams; Body: UserChanges }>(
    '/users/:id',
    { schema: patchSchema },
    async (request) => {
      const user = found(await request.session.get(User, request.params.id), 'user')
      // The session finds the changes and writes them at its commit.
      return Object.assign(user, request.body)
    },
  )
}

interface PageQuery {
  readonly limit: number
}

interface ListQuery extends PageQuery {
  readonly include?: keyof typeof included
}

interface NewUser {
  readonly name: string
  readonly email: string
  readonly age?: number | null
}

interface UserChanges extends Partial<NewUser> {
  readonly active?: boolean
}

const writable = {
  name: { type: 'string', minLength: 1, maxLength: 100 },
  email: { type: 'string', format: 'email', maxLength: 254 },
  age: { type: 'integer', nullable: true, minimum: 0, maximum: 150 },
}

const missing = errorSchema('There is no such user.')
const taken = errorSchema('The address belongs to another user.')

const listSchema = {
  querystring: {
    type: 'object',
    properties: { limit: limitSchema, include: { type: 'string', enum: Object.keys(included) } },
  },
  response: { 200: { type: 'array', items: userWithPostsSchema } },
}

const getSchema = { params: idParamsSchema, response: { 200: userSchema, 404: missing } }

const postsSchema = {
  params: idParamsSchema,
  querystring: { type: 'object', properties: { limit: { ...limitSchema, default: 100 } } },
  response: { 200: { type: 'array', items: postSchema }, 404: missing },
}

const createSchema = {
  body: {
    type: 'object',
    required: ['name', 'email'],
    additionalProperties: false,
    properties: writable,
  },
  response: { 201: userSchema, 409: taken },
}

const patchSchema = {
  params: idParamsSchema,
  body: {
    type: 'object',
    minProperties: 1,
    additionalProperties: false,
    properties: { ...writable, active: { type: 'boolean' } },
  },
  response: { 200: userSchema, 404: missing, 409: taken },
}
