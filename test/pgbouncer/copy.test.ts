import pg from 'pg'
import { beforeEach, expect, it } from 'vitest'
import { Database, Session } from '../../orm/index.ts'
import { testDatabase } from '../support/database.ts'
import { blog, User } from '../support/entities.ts'
import { atOnce } from './at-once.ts'
import { startPgBouncer } from './start-pgbouncer.ts'

const { query, truncate, url } = await testDatabase(blog)
beforeEach(truncate)

const row = (name: string) => ({ name, email: name })
const stored = async () =>
  (await query<{ n: number }>('select count(*)::int as n from users'))[0]?.n

function* rows(job: number, count: number) {
  for (let n = 0; n < count; n += 1) yield row(`${job}-${n}`)
}

/** Fails, or waits for ever, after some rows. */
async function* broken(job: number, isEndless: boolean) {
  yield* rows(job, 500)
  if (isEndless) await new Promise(() => {})
  throw new Error('on purpose')
}

const kinds: readonly ((database: Database, job: number) => Promise<unknown>)[] = [
  (database, job) => database.run((session) => session.copy(User, rows(job, 1000))),
  (database, job) => database.run((session) => session.copy(User, broken(job, false))),
  async (database, job) => {
    await using session = new Session(database, { signal: AbortSignal.timeout(50) })
    return await session.copy(User, broken(job, true))
  },
]

/** Every third COPY fails, and every third one is cancelled. How often each outcome was there. */
async function copyMany(database: Database): Promise<Record<string, number>> {
  const outcomes: Record<string, number> = {}
  await atOnce(8, Array.from({ length: 60 }).keys(), async (job) => {
    const outcome = await kinds[job % kinds.length]!(database, job).catch(({ message }) => message)
    outcomes[String(outcome)] = (outcomes[String(outcome)] ?? 0) + 1
  })
  return { ...outcomes, stored: (await stored()) ?? 0 }
}

const expected = {
  1000: 20,
  'on purpose': 20,
  'the signal of the session was aborted: what was not committed is rolled back; its reason is the cause': 20,
  stored: 20_000,
}

it('copies, fails and is cancelled on few connections of the server, in transaction mode', async () => {
  await using bouncer = await startPgBouncer(url, { default_pool_size: 3 })
  await using database = new Database({ connectionString: bouncer.url })
  expect(await copyMany(database)).toEqual(expected)
})

it('does so on a pool of the application', async () => {
  await using bouncer = await startPgBouncer(url, { default_pool_size: 3 })
  const pool = new pg.Pool({ connectionString: bouncer.url })
  const database = new Database({ pool })
  try {
    expect(await copyMany(database)).toEqual(expected)
  } finally {
    await database.close()
    await pool.end()
  }
})

it('inserts and changes rows from many sessions at once', async () => {
  await using bouncer = await startPgBouncer(url, { default_pool_size: 3 })
  await using database = new Database({ connectionString: bouncer.url })
  await atOnce(8, Array.from({ length: 100 }).keys(), async (job) => {
    await database.run(async (session) => {
      const given = [row(`own-${job}`), row('shared')]
      const update = job % 2 === 0 ? (['name'] as const) : []
      const onConflict = { on: ['email'], update } as const
      const users = await session.insertMany(User, given, { onConflict })
      expect(users.map(({ email }) => email)).toEqual([`own-${job}`, 'shared'])
    })
  })
  expect(await stored()).toBe(101)
})
