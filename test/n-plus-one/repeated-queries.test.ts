import { beforeAll, describe, expect, it } from 'vitest'
import { type Finding, type NPlusOneMode, type Session, sql } from '../../orm/index.ts'
import { kyselyOf } from '../support/builders.ts'
import { testDatabase } from '../support/database.ts'
import { blog } from '../support/entities.ts'

const { database, query } = await testDatabase(blog)
beforeAll(async () => {
  await query(
    `insert into users (name, email) select 'user' || n, 'e' || n from generate_series(1, 50) n`,
  )
})

type Send = (session: Session, index: number) => Promise<unknown>

async function findings(
  send: Send,
  times: number,
  nPlusOne: NPlusOneMode = 'detect',
): Promise<readonly Finding[]> {
  await using session = database.session({ nPlusOne })
  for (let index = 1; index <= times; index += 1) await send(session, index)
  await session.rollback()
  return session.stats.findings
}

const byId: Send = (session, id) => session.execute(sql`select name from users where id = ${id}`)

/** Called by Node itself: no function of the program is running. */
const fromNowhere: Send = ({ connection }, id) =>
  new Promise((resolve, reject) => {
    const answered = (error: Error | null, result: unknown): void =>
      error === null ? resolve(result) : reject(error)
    const query = connection.query.bind(connection) as (...given: unknown[]) => void
    setImmediate(query, 'select name from users where id = $1', [id], answered)
  })

const file = 'test/n-plus-one/repeated-queries.test.ts'

describe('one text with other values again and again', () => {
  it('is found, with what to do about it', async () => {
    expect(await findings(byId, 7)).toEqual([
      {
        kind: 'n1.query',
        target: 'SELECT users',
        count: 7,
        avoidableQueries: 6,
        confidence: 'likely',
        severity: 'warn',
        durationMs: expect.any(Number),
        avoidableMs: expect.any(Number),
        site: { file, line: 27, column: expect.any(Number), function: 'byId' },
        sql: 'select name from users where id = $1',
        fix: expect.stringContaining('= any($1)'),
      },
    ])
    expect(await findings(byId, 10)).toMatchObject([{ count: 10, severity: 'error' }])
  })

  it.each([
    ['detect', 'likely', byId, 3],
    ['count', 'possible', byId, 10],
    ['detect', 'possible', fromNowhere, 6],
    ['count', 'possible', fromNowhere, 10],
  ] as const)(
    'is found in mode %s, %s, of %o from %i statements on',
    async (mode, confidence, send, least) => {
      expect(await findings(send, least - 1, mode)).toEqual([])
      expect(await findings(send, least, mode)).toMatchObject([{ count: least, confidence }])
      expect(await findings(send, least, 'off')).toEqual([])
    },
  )

  it('is found of Kysely, of a schema, and behind WITH', async () => {
    const sends: readonly (readonly [string, Send])[] = [
      [
        'SELECT users',
        (session, id) =>
          kyselyOf(session).selectFrom('users').select('name').where('id', '=', id).execute(),
      ],
      [
        'SELECT public.posts',
        ({ connection }, id) =>
          connection.query('select 1 from "public"."posts" where id=$1', [id]),
      ],
      [
        'SELECT users',
        ({ connection }, id) =>
          connection.query('with one as (select * from users where id = $1) table one', [id]),
      ],
    ]
    for (const [target, send] of sends)
      expect(await findings(send, 6)).toMatchObject([{ target, count: 6 }])
  })

  it('is found where two texts alternate', async () => {
    const both: Send = async (session, id) => {
      await byId(session, id)
      await session.execute(sql`select 1 from posts where author_id = ${id}`)
    }
    expect((await findings(both, 6)).map(({ target }) => target)).toEqual([
      'SELECT users',
      'SELECT posts',
    ])
  })

  it('is found where the values differ only in what belongs to which', async () => {
    const parts = 'a;a;a;a;a;a;a'.split(';')
    const split: Send = ({ connection }, at) =>
      connection.query('select 1 from users where name = $1 and email = $2', [
        parts.slice(0, at).join(';'),
        parts.slice(at).join(';'),
      ])
    expect(await findings(split, 6)).toMatchObject([{ count: 6 }])
  })

  it('is found of values that JSON does not know', async () => {
    const ofLists: Send = ({ connection }, id) =>
      connection.query('select 1 from users where $1 @> array[id::bigint]', [[BigInt(id)]])
    expect(await findings(ofLists, 6)).toMatchObject([{ count: 6 }])
  })

  it('is not found with the same values, or where the statements fail', async () => {
    const same = await findings((session) => byId(session, 1), 20)
    expect(same).toMatchObject([{ kind: 'duplicate', count: 20 }])
    await using session = database.session()
    for (let id = 1; id <= 8; id += 1) {
      const failing = session.execute(sql`select 1 / 0 from users where id = ${id}`)
      await expect(failing).rejects.toThrow('cannot take a value')
      await session.rollback()
    }
    expect(session.stats.findings).toEqual([])
  })

  const harmless: Readonly<Record<string, Send>> = {
    'commands of transactions': async (session) => {
      await session.connection.query('begin')
      await session.connection.query('savepoint a')
      await session.connection.query('commit')
    },
    batches: (session, id) =>
      session.execute(sql`select name from users where id = any(${[id, id + 1]}::int[])`),
    lists: ({ connection }, id) =>
      connection.query('select name from users where id in ($1, $2)', [id, id + 1]),
    'full pages': (session, id) =>
      session.execute(sql`select name from users where id > ${id} order by id limit 20`),
    'locks and settings': async (session, id) => {
      await session.execute(sql`select pg_advisory_xact_lock(${id})`)
      await session.execute(sql`select set_config('app.it', ${String(id)}, true)`)
    },
    catalogues: (session, id) =>
      session.execute(sql`select 1 from pg_catalog.pg_class where oid = ${id}`),
    functions: (session, id) => session.execute(sql`select * from generate_series(1, ${id}::int)`),
    'rows that are locked': (session, id) =>
      session.execute(sql`select name from users where id = ${id} for update`),
  }

  it.each(Object.keys(harmless))('is not found of %s', async (what) => {
    expect(await findings(harmless[what] as Send, 12)).toEqual([])
  })
})
