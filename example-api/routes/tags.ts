import type { FastifyInstance } from 'fastify'
import { Tag } from '../entities.ts'
import { keySchema } from '../schemas.ts'

export async function tagRoutes(app: FastifyInstance): Promise<void> {
  // One query: PostgreSQL counts the posts of each tag.
  app.get('/tags', { schema }, async (request) =>
    request.session
      .find(Tag)
      .orderBy((tag) => tag.name.asc())
      .select((tag) => ({ id: tag.id, name: tag.name, posts: tag.posts.count() }))
      .toList(),
  )
}

const schema = {
  response: {
    200: {
      type: 'array',
      items: {
        type: 'object',
        properties: { id: keySchema, name: { type: 'string' }, posts: { type: 'integer' } },
      },
    },
  },
}
