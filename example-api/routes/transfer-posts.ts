import type { FastifyInstance } from 'fastify'
import { Post, User } from '../entities.ts'
import { found } from '../errors.ts'
import { errorSchema, keySchema } from '../schemas.ts'

export async function transferRoutes(app: FastifyInstance): Promise<void> {
  app.post<{ Body: Transfer }>('/transfer-posts', { schema }, async (request) => {
    const { from, to, failAfter } = request.body
    return request.session.transaction(async (session) => {
      for (const id of [from, to]) found(await session.get(User, id), 'user')
      const posts = await session
        .find(Post)
        .filter({ authorId: from }, (post) => post.authorId.ne(to))
        .toList()
      for (const post of posts) post.authorId = to
      await session.flush()
      if (failAfter) throw new Error('Failed on purpose, after the writes.')
      return { moved: posts.length }
    })
  })
}

interface Transfer {
  readonly from: number
  readonly to: number
  readonly failAfter: boolean
}

const schema = {
  body: {
    type: 'object',
    required: ['from', 'to'],
    additionalProperties: false,
    properties: { from: keySchema, to: keySchema, failAfter: { type: 'boolean', default: false } },
  },
  response: {
    200: { type: 'object', properties: { moved: { type: 'integer' } } },
    404: errorSchema('One of the users does not exist. Nothing was moved.'),
    500: errorSchema(
      'It failed after the writes, because `failAfter` was true. Nothing was moved.',
    ),
  },
}
