import { beforeEach, describe, expect, it } from 'vitest'
import { Database, type Session, sql } from '../../../orm/index.ts'
import { testDatabase } from '../../support/database.ts'
import { blog, user, User } from '../../support/entities.ts'
import { recordWarnings } from '../../support/warnings.ts'
import { expectIdle, names, serve } from '../serve.ts'

const stored = await testDatabase(blog)
const { query, url } = stored
const warnings = recordWarnings()
beforeEach(stored.truncate)

type Write = (session: Session) => unknown

const writes: [string, Write][] = [
  ['an entity that was added', (session) => session.add(user('ann'))],
  [
    'an entity that was flushed',
    async (session) => {
      session.add(user('ann'))
      await session.flush()
    },
  ],
  [
    'a row that SQL has inserted',
    (session) => session.execute(sql`insert into users (name, email) values ('ann', 'a')`),
  ],
  [
    'a row that a query with WITH has inserted',
    (session) =>
      session.execute(sql`
        with made as (insert into users (name, email) values ('ann', 'a') returning id)
        select id from made`),
  ],
  [
    'a row that SQL has inserted behind a comment',
    (session) =>
      session.execute(sql`
        -- select is what the next request does
        /* as /* this */ one */
        insert into users (name, email) values ('ann', 'a')`),
  ],
]

const reads: [string, Write][] = [
  ['a query', (session) => session.find(User).count()],
  ['a SELECT', (session) => session.execute(sql`select count(*) from users`)],
  [
    'a WITH that reads',
    (session) => session.execute(sql`with all_of as (select * from users) select * from all_of`),
  ],
  ['a SELECT that locks', (session) => session.execute(sql`select * from users for no key update`)],
  [
    'a row that was inserted and committed',
    async (session) => {
      await session.execute(sql`insert into users (name, email) values ('ann', 'a')`)
      await session.commit()
    },
  ],
  [
    'a row that was inserted and rolled back',
    async (session) => {
      await session.execute(sql`insert into users (name, email) values ('ann', 'a')`)
      await session.rollback()
    },
  ],
]

const endings: [string, (session: Session, database: Database) => Promise<void>][] = [
  ['its session', (session) => session.close()],
  ['the database, which is its own,', (_session, database) => database.close()],
]

/** What a request is answered whose handler does this, with a database that the application made. */
async function answer(write: Write, end: (typeof endings)[0][1]): Promise<unknown[]> {
  await using database = new Database({ connectionString: url, max: 2 })
  await using served = await serve({ database }, (app) => {
    app.post('/', async ({ session }) => {
      await write(session)
      await end(session, database)
      return { isFine: true }
    })
  })
  const response = await served.fetch('/', { method: 'POST' })
  const { code } = (await response.json()) as { readonly code?: string }
  await expectIdle(database, query)
  return [response.status, code]
}

describe.each(endings)('an application that closes %s in the middle of a request', (_what, end) => {
  it.each(writes)('is not told that it succeeded: %s', async (_kind, write) => {
    expect(await answer(write, end)).toEqual([500, 'DATA_BRIDGE_ERR_COMMIT_FAILED'])
    expect(await names(query)).toEqual([])
    await warnings()
  })

  it.each(reads)('has lost nothing with %s', async (_kind, read) => {
    expect(await answer(read, end)).toEqual([200, undefined])
    expect(await warnings()).toEqual([])
  })
})
