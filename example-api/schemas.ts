/*
 * The JSON schemas that routes share. Those of a response also decide what leaves: the serializer
 * knows nothing else.
 */

/** A primary key: PostgreSQL's integer ends there. */
export const keySchema = { type: 'integer', minimum: 1, maximum: 2_147_483_647 } as const

/** A key in a path: digits only, since `1e3` and `0x10` would be coerced to integers too. */
export const idParamsSchema = {
  type: 'object',
  required: ['id'],
  properties: { id: { allOf: [{ type: 'string', pattern: '^[1-9][0-9]*$' }, keySchema] } },
} as const

export interface IdParams {
  readonly id: number
}

/** How long a list may get. */
export const limitSchema = { type: 'integer', minimum: 1, maximum: 100, default: 10 } as const

const userProperties = {
  id: keySchema,
  name: { type: 'string' },
  email: { type: 'string' },
  age: { type: 'integer', nullable: true },
  active: { type: 'boolean' },
  createdAt: { type: 'string', format: 'date-time' },
} as const

const postProperties = {
  id: keySchema,
  title: { type: 'string' },
  likes: { type: 'integer' },
  authorId: keySchema,
} as const

const commentSchema = {
  type: 'object',
  properties: { id: keySchema, body: { type: 'string' }, postId: keySchema },
} as const

export const userSchema = { type: 'object', properties: userProperties } as const

export const postSchema = { type: 'object', properties: postProperties } as const

export const postWithAuthorSchema = {
  type: 'object',
  properties: { ...postProperties, author: userSchema },
} as const

const postWithCommentsSchema = {
  type: 'object',
  properties: { ...postProperties, comments: { type: 'array', items: commentSchema } },
} as const

export const userWithPostsSchema = {
  type: 'object',
  properties: { ...userProperties, posts: { type: 'array', items: postWithCommentsSchema } },
} as const

/** What Fastify makes of an error. */
export function errorSchema(description: string) {
  return {
    description,
    type: 'object',
    properties: {
      statusCode: { type: 'integer' },
      code: { type: 'string' },
      error: { type: 'string' },
      message: { type: 'string' },
    },
  } as const
}
