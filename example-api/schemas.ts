/*
 * The JSON schemas that routes share. The schema of a response also selects its content: the serializer
 * writes only the properties of the schema.
 */

/** A primary key. The maximum is that of PostgreSQL's integer. */
export const keySchema = { type: 'integer', minimum: 1, maximum: 2_147_483_647 } as const

/** A key in a path. Only digits, because `1e3` and `0x10` would be coerced to integers too. */
export const idParamsSchema = {
  type: 'object',
  required: ['id'],
  properties: { id: { allOf: [{ type: 'string', pattern: '^[1-9][0-9]*$' }, keySchema] } },
} as const

export interface IdParams {
  readonly id: number
}

/** The number of rows in a list. */
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

export const postWithTagsSchema = {
  type: 'object',
  properties: {
    ...postProperties,
    tags: {
      type: 'array',
      items: { type: 'object', properties: { id: keySchema, name: { type: 'string' } } },
    },
  },
} as const

const postWithCommentsSchema = {
  type: 'object',
  properties: { ...postProperties, comments: { type: 'array', items: commentSchema } },
} as const

export const userWithPostsSchema = {
  type: 'object',
  properties: { ...userProperties, posts: { type: 'array', items: postWithCommentsSchema } },
} as const

/** Fastify's response to an error. */
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
