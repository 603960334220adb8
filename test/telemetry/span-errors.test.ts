import { SpanStatusCode } from '@opentelemetry/api'
import fc from 'fast-check'
import { beforeEach, describe, expect, it } from 'vitest'
import { describe as described, withoutValues } from '../../orm/errors.ts'
import { DataBridgeError, type Session, sql } from '../../orm/index.ts'
import { testDatabase } from '../support/database.ts'
import { blog, user } from '../support/entities.ts'
import { startTracing, takeSpans } from './traced.ts'

startTracing()
const { database, query, truncate } = await testDatabase(blog)

beforeEach(async () => {
  await truncate()
  takeSpans()
})

/** The failed span that the work leaves, and everything that it says as one text. */
async function failedSpan(name: string, work: (session: Session) => Promise<unknown>) {
  await using session = database.session()
  await expect(work(session)).rejects.toThrow(DataBridgeError)
  await session.rollback()
  const span = takeSpans().find(
    (each) => each.name === name && each.status.code === SpanStatusCode.ERROR,
  )
  if (span === undefined) throw new Error(`there is no span ${name}`)
  const { status, attributes, events } = span
  const exception = events.find((event) => event.name === 'exception')?.attributes ?? {}
  return { status, attributes, exception, text: JSON.stringify([status, attributes, events]) }
}

describe('the span of an operation that fails', () => {
  it('has PostgreSQL’s code, and the exception with its whole stack', async () => {
    const { status, attributes, exception } = await failedSpan(
      'db.session.flush',
      async (session) => {
        session.add(user('ann'), user('ann'))
        await addTwice(session)
      },
    )
    expect(status.code).toBe(SpanStatusCode.ERROR)
    expect(attributes).toMatchObject({
      'error.type': '23505',
      'db.response.status_code': '23505',
    })
    expect(exception).toMatchObject({
      'exception.type': 'DATA_BRIDGE_ERR_UNIQUE',
      'exception.message': status.message,
      'exception.stacktrace': expect.stringMatching(
        /^DataBridgeError: .*\n +at [^]*addTwice[^]*\nCaused by: PostgresError: duplicate key /,
      ),
    })
  })

  it('has no value of a statement that PostgreSQL refused', async () => {
    const failures = [
      await failedSpan('db.query.execute', (session) =>
        session.execute(sql`select ${'sesame 4711'}::int`),
      ),
      await failedSpan('db.query.execute', (session) =>
        session.execute(sql`select ${'sesame 4711'}::timestamptz`),
      ),
      await failedSpan('db.session.flush', async (session) => {
        session.add(user('sesame 4711'), user('sesame 4711'))
        await session.flush()
      }),
    ]
    for (const { status, text } of failures) {
      expect(status.code).toBe(SpanStatusCode.ERROR)
      expect(text).not.toContain('sesame')
    }
    expect(failures.map(({ attributes }) => attributes['error.type'])).toEqual([
      '22P02',
      '22007',
      '23505',
    ])
  })

  it('has nothing of what a trigger has said, which may be a value', async () => {
    await query(`
      create or replace function refuse() returns trigger language plpgsql as $$
      begin raise exception 'no user %', new.name using errcode = tg_argv[0]; end $$`)
    const texts: string[] = []
    for (const state of ['P0001', 'MY001', '42501']) {
      await query(
        `create trigger refuse before insert on users for each row execute function refuse('${state}')`,
      )
      const { text, status } = await failedSpan('db.session.flush', async (session) => {
        session.add(user('sesame 4711'))
        await session.flush()
      })
      await query('drop trigger refuse on users')
      expect(status.message).toBe(`INSERT users failed: PostgreSQL error ${state}`)
      texts.push(text)
    }
    expect(texts.join()).not.toContain('sesame')
  })

  it('has nothing of it either where the trigger has taken a code of PostgreSQL', async () => {
    await query(`
      create or replace function refuse_as_unique() returns trigger language plpgsql as $$
      begin raise unique_violation using message = 'twice ' || new.name; end $$`)
    await query(
      `create trigger refuse before insert on users for each row execute function refuse_as_unique()`,
    )
    const { text, exception } = await failedSpan('db.session.flush', async (session) => {
      session.add(user('sesame 4711'))
      await session.flush()
    })
    await query('drop trigger refuse on users')
    expect(exception['exception.stacktrace']).toContain('PostgresError: PostgreSQL error 23505')
    expect(text).not.toContain('sesame')
  })

  it.each([
    ['a search', sql`select to_tsquery(${'sesame 4711'})`, '42601'],
    ['a name', sql`select ${'sesame'}::text::regclass`, '42P01'],
    ['a type', sql`select ${'sesame'}::text::regtype`, '42704'],
  ])('has no value that was %s', async (_, statement, state) => {
    const { text, status } = await failedSpan('db.query.execute', (session) =>
      session.execute(statement),
    )
    expect(status.message).toContain(`SELECT failed: PostgreSQL error ${state}`)
    expect(text).not.toContain('sesame')
  })

  it('says which table there is none of, which the statement has named', async () => {
    const { status } = await failedSpan('db.query.execute', (session) =>
      session.execute(sql`select * from nowhere`),
    )
    expect(status.message).toContain('SELECT failed: relation "nowhere" does not exist')
  })

  it('says of one that took too long that it did', async () => {
    const { attributes } = await failedSpan('db.query.execute', async () => {
      await using limited = database.session({ timeouts: { statement: 20 } })
      await limited.execute(sql`select pg_sleep(60)`)
    })
    expect(attributes['error.type']).toBe('DATA_BRIDGE_ERR_STATEMENT_TIMEOUT')
  })

  it('has no value that the library itself refused', async () => {
    const { text, attributes, status } = await failedSpan('db.session.flush', async (session) => {
      const ann = user('ann')
      session.add(ann)
      ann.age = 'sesame 4711' as never
      await session.flush()
    })
    expect(text).not.toContain('sesame')
    expect(attributes['error.type']).toBe('DATA_BRIDGE_ERR_TYPE')
    expect(status.message).toBe('User.age expected a number, or null, got a string')
  })
})

describe('withoutValues', () => {
  it('leaves nothing of a value that a message describes', () => {
    const values = fc.oneof(fc.string({ minLength: 1 }), fc.double(), fc.bigInt(), fc.integer())
    fc.assert(
      fc.property(values, (value) => {
        const kind = `a ${typeof value}`
        expect(withoutValues(`expected it, got ${described(value)}, again`)).toBe(
          `expected it, got ${kind}, again`,
        )
      }),
    )
  })

  it('leaves other texts as they are', () => {
    const text = 'the string is too long; the number of rows is 5'
    expect(withoutValues(text)).toBe(text)
  })
})

async function addTwice(session: Session): Promise<void> {
  await session.flush()
}
