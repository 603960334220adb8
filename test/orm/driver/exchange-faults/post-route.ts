import type { FastifyInstance } from 'fastify'
import { Post } from '../../../support/entities.ts'
import type { Rows, Seed } from './jobs.ts'

/** Reads and changes a post, and adds one to its author. */
export function postRoute(app: FastifyInstance): void {
  app.post<{ Params: { id: number } }>('/posts/:id', async ({ session, params }, reply) => {
    const kept = await session.getOrThrow(Post, Number(params.id))
    kept.likes += 1
    session.add(new Post({ title: 'first', authorId: kept.authorId }))
    return reply.code(201).send({ likes: kept.likes })
  })
}

export const posted = ({ name }: Seed): Rows => [
  `${name}/doomed=0`,
  `${name}/first=0`,
  `${name}/kept=1`,
]
