import type { FastifyInstance } from 'fastify'
import { avg, count } from 'fastify-data-bridge'
import { Post } from '../entities.ts'
import { keySchema } from '../schemas.ts'

export async function statsRoutes(app: FastifyInstance): Promise<void> {
  app.get('/stats', { schema }, async (request) =>
    request.session
      .find(Post)
      .groupBy((post) => post.authorId)
      .orderBy((post) => post.authorId.asc())
      .aggregate((post) => ({
        authorId: post.authorId,
        posts: count(),
        likes: avg(post.likes),
      })),
  )
}

const schema = {
  response: {
    200: {
      type: 'array',
      items: {
        type: 'object',
        properties: {
          authorId: keySchema,
          posts: { type: 'integer' },
          likes: { type: 'number', description: 'average for each post' },
        },
      },
    },
  },
}
