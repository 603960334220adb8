import type { FastifyInstance } from 'fastify'
import dataBridge from '../../../plugin/index.ts'
import type { Routes } from '../http-server.ts'
import { locked, pageOfPosts, Post, settings, User } from './ours.ts'

/** The plugin opens the session, and commits before the response leaves. */
export async function addRoutes(
  app: FastifyInstance,
  url: string,
  connections: number,
): Promise<void> {
  await app.register(dataBridge, {
    connectionString: url,
    max: connections,
    headers: false,
    ...settings,
  })
  app.get<Routes['user']>('/users/:id', ({ session, params }) =>
    session.getOrThrow(User, Number(params.id)),
  )
  app.get<Routes['posts']>('/posts', ({ session, query }) =>
    pageOfPosts(session, Number(query.after), Number(query.limit)),
  )
  app.post<Routes['publish']>('/posts', async ({ session, body }, reply) => {
    const author = await locked(session, body.authorId)
    const post = new Post(body)
    session.add(post)
    author.postsCount += 1
    await session.flush() // gives the post its id
    reply.code(201)
    return post
  })
}
