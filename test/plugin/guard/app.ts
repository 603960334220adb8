import Fastify, { type FastifyInstance } from 'fastify'
import { selectinload } from '../../../orm/index.ts'
import dataBridge from '../../../plugin/index.ts'
import { Post, User } from '../../support/entities.ts'

/** A server with the routes whose cost is guarded, on a database with what test/orm/guard/workloads.ts seeds. */
export async function guardedApp(connectionString: string, max: number): Promise<FastifyInstance> {
  const app = Fastify()
  await app.register(dataBridge, {
    connectionString,
    application_name: 'guard',
    max,
    idleTimeoutMillis: 0,
    headers: false,
    tracing: false,
    nPlusOne: 'count',
  })
  app.get('/nothing', () => ({ isNothing: true }))
  app.get<{ Params: { id: string } }>('/users/:id', ({ session, params }) =>
    session.getOrThrow(User, Number(params.id)),
  )
  app.get('/posts', ({ session }) =>
    session
      .find(Post)
      .orderBy((post) => post.id.asc())
      .limit(20)
      .options(selectinload(Post.author))
      .toList(),
  )
  app.post<{ Body: { title: string; authorId: number } }>(
    '/posts',
    async ({ session, body }, reply) => {
      const author = await session.find(User).filter({ id: body.authorId }).forUpdate().one()
      const post = new Post(body)
      session.add(post)
      author.age = (author.age ?? 0) + 1
      await session.flush() // gives the post its id
      reply.code(201)
      return post
    },
  )
  return app
}
