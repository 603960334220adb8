import pg from 'pg'
import { expect, it } from 'vitest'
import { Database, selectinload, sql } from '../../orm/index.ts'
import { testDatabase } from '../support/database.ts'
import { blog, Post, User, user } from '../support/entities.ts'
import { atOnce } from './at-once.ts'
import { startPgBouncer } from './start-pgbouncer.ts'

const { query, url } = await testDatabase(blog)

const jobs = 320

const kinds: readonly ((database: Database, index: number) => Promise<unknown>)[] = [
  (database, index) => database.run((session) => session.get(User, (index % 10) + 1)),
  (database) =>
    database.run((session) => session.find(Post).options(selectinload(Post.author)).toList()),
  (database, index) => database.run((session) => session.add(user(`job-${index}`))),
  (database, index) =>
    database.transaction(async (session) => {
      session.add(new Post({ title: `job-${index}`, authorId: 1 }))
      await session.flush()
      await session.execute(
        sql`update ${Post} set likes = likes + 1 where title = ${`job-${index}`}`,
      )
    }),
]

/** Runs the jobs, 32 at once. Resolves with what is stored then. */
async function run(database: Database): Promise<unknown> {
  await query('truncate users, posts, comments restart identity')
  await query(`insert into users (name, email) select n, n from generate_series(1, 10) n`)
  await atOnce(32, Array.from({ length: jobs }).keys(), async (index) => {
    await kinds[index % kinds.length]!(database, index)
  })
  const [stored] = await query(`
    select (select count(*)::int from users where name like 'job-%') as users,
      (select count(*)::int from posts where likes = 1) as posts`)
  return stored
}

const all = { users: jobs / 4, posts: jobs / 4 }

it(`${jobs} of ${jobs} jobs succeed in transaction mode, with the default settings`, async () => {
  await using bouncer = await startPgBouncer(url)
  await using database = new Database({ connectionString: bouncer.url })
  expect(await run(database)).toEqual(all)
})

it(`${jobs} of ${jobs} jobs succeed in transaction mode, with a pool of the application`, async () => {
  await using bouncer = await startPgBouncer(url)
  const pool = new pg.Pool({ connectionString: bouncer.url })
  const database = new Database({ pool })
  try {
    expect(await run(database)).toEqual(all)
  } finally {
    await database.close()
    await pool.end()
  }
})

it.each([[{}], [{ prepare: true }], [{ prepare: false }]])(
  `${jobs} of ${jobs} jobs succeed in session mode, with %o`,
  async (options) => {
    await using bouncer = await startPgBouncer(url, { pool_mode: 'session', default_pool_size: 10 })
    await using database = new Database({ connectionString: bouncer.url, ...options })
    expect(await run(database)).toEqual(all)
  },
)
