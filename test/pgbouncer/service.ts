import type { FastifyInstance, FastifyRequest } from 'fastify'
import { integer, selectinload, type Session, sql, table, text } from '../../orm/index.ts'
import { blog, Post, User } from '../support/entities.ts'

class Account extends table('accounts', {
  id: integer().primaryKey().generated(),
  balance: integer().default(0),
}) {}

/** Its key is not unique: a request that were done twice would be seen. */
class Entry extends table('entries', {
  id: integer().primaryKey().generated(),
  key: text(),
  amount: integer(),
  accountId: integer().references(() => Account),
}) {}

class Task extends table('tasks', {
  id: integer().primaryKey().generated(),
  doneBy: text().nullable(),
}) {}

export const tables = [...blog, Account, Entry, Task]

/** How many rows there are before the first request. */
export const counts = { users: 20, posts: 200, accounts: 50 }

/** The rows that the requests of {@link routes} need, and one task for each request. */
export const rows = (requests: number): string => `
  insert into users (name, email)
    select 'user-' || n, n from generate_series(1, ${counts.users}) n;
  insert into posts (title, author_id)
    select 'post-' || n, 1 + n % ${counts.users} from generate_series(1, ${counts.posts}) n;
  insert into comments (body, post_id)
    select 'comment-' || n, 1 + n % ${counts.posts} from generate_series(1, ${2 * counts.posts}) n;
  insert into accounts select from generate_series(1, ${counts.accounts});
  insert into tasks select from generate_series(1, ${requests});`

export interface Posting {
  readonly key: string
  readonly amount: number
  readonly accountId: number
}

async function post(session: Session, { key, amount, accountId }: Posting): Promise<Entry> {
  const entry = new Entry({ key, amount, accountId })
  session.add(entry)
  await session.flush()
  await session.execute(
    sql`update ${Account} set balance = balance + ${amount}::int where id = ${accountId}`,
  )
  return entry
}

const idOf = ({ params }: FastifyRequest): number => Number((params as { id: string }).id)

export function routes(app: FastifyInstance): void {
  app.get('/users/:id', (request) => request.session.getOrThrow(User, idOf(request)))

  app.get('/posts/after/:id', (request) =>
    request.session
      .find(Post)
      .filter((each) => each.id.gt(idOf(request)))
      .orderBy((each) => each.id.asc())
      .limit(10)
      .options(selectinload(Post.author), selectinload(Post.comments))
      .toList(),
  )

  app.post('/entries', async ({ session, body }, reply) => {
    const entry = await post(session, body as Posting)
    return reply.code(201).send(entry)
  })

  app.post('/tasks/:id', async (request) => {
    const task = await request.session.getOrThrow(Task, idOf(request))
    task.doneBy = (request.body as Posting).key
    return task
  })

  // Only clients that leave send this.
  app.post('/entries/never', async ({ session, body }) => {
    await post(session, body as Posting)
    return session.execute(sql`select pg_sleep(60)`)
  })
}
