import Fastify, { type FastifyInstance } from 'fastify'
import { onTestFinished } from 'vitest'
import { type Database, selectinload, sql } from '../../orm/index.ts'
import dataBridge, { type DataBridgeOptions } from '../../plugin/index.ts'
import { Post, User, user } from '../support/entities.ts'

/** Writes posts, each with an author of its own. */
export async function seedPosts(database: Database, count: number): Promise<void> {
  await database.run((session) => {
    for (let index = 0; index < count; index += 1)
      session.add(new Post({ title: `post${index}`, author: user(`user${index}`) }))
  })
}

/** An application with routes that read and write posts, well and badly. */
export function postsApp(
  database: Database,
  options: Omit<DataBridgeOptions, 'database'> = {},
): FastifyInstance {
  const app = Fastify()
  onTestFinished(() => app.close())
  app.register(dataBridge, { database, ...options })
  app.get('/eager', async ({ session }) => {
    const posts = await session.find(Post).options(selectinload(Post.author)).toList()
    return posts.map(({ title }) => title)
  })
  app.get('/lazy', async ({ session }) => {
    const names: string[] = []
    for (const post of await session
      .find(Post)
      .orderBy((each) => each.id.asc())
      .toList())
      names.push((await post.author).name)
    return names
  })
  app.get<{ Params: { id: string } }>('/users/:id', async ({ session, params }) => {
    return session.get(User, Number(params.id))
  })
  app.get('/job', async () => {
    await app.dataBridge.run((session) => session.find(User).count())
    return 'done'
  })
  app.get('/broken', async ({ session }) => {
    await session.execute(sql`select 'a secret' as word, 42 as number, ${1}::int from nowhere`)
  })
  app.post('/users', async ({ session }) => {
    session.add(user('new'))
    await session.flush()
    await session.find(User).filter({ name: 'new' }).update({ age: 5 })
    await session.find(User).filter({ name: 'new' }).delete()
    return 'written'
  })
  return app
}
