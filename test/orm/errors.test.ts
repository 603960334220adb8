import { inspect } from 'node:util'
import { describe, expect, it } from 'vitest'
import {
  DataBridgeError,
  errorCodes,
  integer,
  numeric,
  type Session,
  sql,
  table,
  text,
} from '../../orm/index.ts'
import { testDatabase } from '../support/database.ts'
import { blog, Post, User } from '../support/entities.ts'
import { coded, failure } from '../support/failure.ts'

class Account extends table('accounts', {
  id: integer().primaryKey().generated(),
  owner: text(),
  balance: numeric({ precision: 6, scale: 2 }),
}) {}

const { database, query } = await testDatabase([...blog, Account], { statement_timeout: 10_000 })
await query(`insert into users (name, email) values ('ann', 'secret@value.example')`)
await query(`insert into posts (title, author_id) values ('t', 1)`)
await query(`alter table accounts add constraint solvent check (balance >= 0)`)
await query(`alter table accounts add constraint one_owner exclude (owner with =)`)
await query(`insert into accounts (owner, balance) values ('secret-owner', 1)`)

// Whatever of these stands in an error has come from the data.
const secret = /secret|4711|-12\.34|99999|Failing row|Key \(/

type Case = readonly [
  name: string,
  work: (session: Session) => unknown,
  facts: Partial<DataBridgeError>,
]

const cases: readonly Case[] = [
  [
    'unique',
    (session) => session.add(new User({ name: 'secret', email: 'secret@value.example' })),
    {
      code: 'DATA_BRIDGE_ERR_UNIQUE',
      statusCode: 409,
      sqlState: '23505',
      constraint: 'users_email_key',
      table: 'users',
    },
  ],
  [
    'foreign key of an insert',
    (session) => session.add(new Post({ title: 'secret', authorId: 4711 })),
    {
      code: 'DATA_BRIDGE_ERR_FOREIGN_KEY',
      statusCode: 409,
      sqlState: '23503',
      constraint: 'posts_author_id_fkey',
    },
  ],
  [
    'foreign key of a delete',
    async (session) => session.delete(await session.find(User).one()),
    {
      code: 'DATA_BRIDGE_ERR_FOREIGN_KEY',
      statusCode: 409,
      constraint: 'posts_author_id_fkey',
    },
  ],
  [
    'exclusion',
    (session) => session.add(new Account({ owner: 'secret-owner', balance: '1' })),
    {
      code: 'DATA_BRIDGE_ERR_EXCLUSION',
      statusCode: 409,
      sqlState: '23P01',
      constraint: 'one_owner',
    },
  ],
  [
    'check',
    (session) => session.add(new Account({ owner: 'secret', balance: '-12.34' })),
    { code: 'DATA_BRIDGE_ERR_CHECK', statusCode: 400, sqlState: '23514', constraint: 'solvent' },
  ],
  [
    'not null',
    (session) => session.execute(sql`insert into users (name, email) values (null, 'secret')`),
    { code: 'DATA_BRIDGE_ERR_NOT_NULL', statusCode: 400, sqlState: '23502', column: 'name' },
  ],
  [
    'a number out of range',
    (session) => session.add(new Account({ owner: 'secret', balance: '99999.99' })),
    { code: 'DATA_BRIDGE_ERR_INVALID_VALUE', statusCode: 400, sqlState: '22003' },
  ],
  [
    'a value of bad syntax',
    (session) => session.execute(sql`select ${'secret'}::int`),
    { code: 'DATA_BRIDGE_ERR_INVALID_VALUE', statusCode: 400, sqlState: '22P02' },
  ],
  [
    'a date that there is not',
    (session) => session.execute(sql`select ${'4711-02-31'}::date`),
    { code: 'DATA_BRIDGE_ERR_INVALID_VALUE', statusCode: 400, sqlState: '22008' },
  ],
  [
    'a list of bad syntax',
    (session) => session.execute(sql`select ${'{secret'}::int[]`),
    { code: 'DATA_BRIDGE_ERR_INVALID_VALUE', statusCode: 400, sqlState: '22P02' },
  ],
  [
    'statement timeout',
    async (session) => {
      await session.execute(sql`set local statement_timeout = 20`)
      await session.execute(sql`select pg_sleep(5), ${'secret'}::text`)
    },
    { code: 'DATA_BRIDGE_ERR_STATEMENT_TIMEOUT', statusCode: 504, sqlState: '57014' },
  ],
  [
    'a syntax error',
    (session) => session.execute(sql`selekt ${'secret'}`),
    { code: 'DATA_BRIDGE_ERR_STATEMENT', statusCode: 500, sqlState: '42601' },
  ],
  [
    'a table that there is not',
    (session) => session.execute(sql`select ${'secret'}::text from nowhere`),
    { code: 'DATA_BRIDGE_ERR_STATEMENT', statusCode: 500, sqlState: '42P01' },
  ],
]

describe('an error of PostgreSQL', () => {
  it.each(cases)('%s: has its code, its status and its constraint', async (_, work, facts) => {
    const { code } = facts as { code: DataBridgeError['code'] }
    const error = await failure(code, database.run(work))
    expect(error).toMatchObject(facts)
    expect(error.retryable).toBeUndefined()
    expect(error).toBeInstanceOf(Error)
    expect(error.name).toBe('DataBridgeError')
  })

  it.each(cases)('%s: has no value in it, however it is written down', async (_, work, facts) => {
    const { code } = facts as { code: DataBridgeError['code'] }
    const error = await failure(code, database.run(work))
    const cause = error.cause as Error
    const written = [
      error.message,
      cause.message,
      error.stack,
      cause.stack,
      JSON.stringify(error),
      JSON.stringify(cause),
      JSON.stringify(cause, Object.getOwnPropertyNames(cause)),
      inspect(error, { depth: 9, showHidden: true }),
    ].join('\n')
    expect(written.replaceAll(/^\s+at .*$/gm, '')).not.toMatch(secret)
  })

  it.each(cases)('%s: tells a client nothing about the database', async (_, work, facts) => {
    const { code } = facts as { code: DataBridgeError['code'] }
    const { clientMessage } = await failure(code, database.run(work))
    expect(clientMessage).not.toMatch(/secret|user|post|account|email|key|select|column|table|SQL/i)
    expect(clientMessage).toMatch(/^[A-Z].*\.$/)
  })

  it.each([
    [
      'the constraint',
      sql`insert into posts (title, author_id) values ('t', 4711)`,
      '(posts_author_id_fkey)',
    ],
    ['the column', sql`insert into users (name) values (null)`, '(users.name)'],
    [
      'a table that is missing, and what to do',
      sql`table nowhere`,
      'run its migrations, or createSchema()',
    ],
    ['a column that is missing, and what to do', sql`select nope from users`, 'run its migrations'],
  ])('names %s to developers', async (_, statement, words) => {
    const work = database.run((session) => session.execute(statement))
    await expect(work).rejects.toMatchObject({
      stack: expect.stringContaining(words) as string,
      message: expect.not.stringContaining(words) as string,
    })
  })

  it('is no lost connection where a value stands in a comment of SQL, and has no place', async () => {
    await database.run(async (session) => {
      const work = session.transaction(() => session.execute(sql`select 1 -- ${'secret'}`))
      await expect(work).rejects.toThrow(coded('DATA_BRIDGE_ERR_STATEMENT', 'bind message'))
      expect(await session.execute(sql`select 1 as one`)).toEqual([{ one: 1 }])
    })
  })

  it('names the statement in the stack: where the program asked for it', async () => {
    const error = await failure(
      'DATA_BRIDGE_ERR_STATEMENT',
      database.run((session) => session.execute(sql`selekt 1`)),
    )
    expect(error.stack).toContain('SELEKT failed: syntax error at or near "selekt"')
    expect(error.message).toBe('PostgreSQL refused a statement; the stack says which one and why')
    expect((error.cause as Error).stack).toMatch(/^PostgresError: syntax error.*\n {4}at /)
  })
})

describe('DataBridgeError', () => {
  it('has a status and a sentence for clients for every code', () => {
    expect(errorCodes).toHaveLength(new Set(errorCodes).size)
    for (const code of errorCodes) {
      const error = new DataBridgeError(code, 'message')
      expect(error.statusCode).toBeGreaterThanOrEqual(400)
      expect(error.clientMessage).toMatch(/^[A-Z].*\.$/)
    }
  })

  it('is retryable where the same work may succeed: serialization failures and deadlocks', () => {
    const retryable = errorCodes.filter((code) => new DataBridgeError(code, '').retryable === true)
    expect(retryable).toEqual(['DATA_BRIDGE_ERR_SERIALIZATION', 'DATA_BRIDGE_ERR_DEADLOCK'])
  })

  it('is known by its brand, also when another copy of the package made it', () => {
    const brand = Symbol.for('fastify-data-bridge.error')
    expect(Object.assign(new Error('x'), { [brand]: true })).toBeInstanceOf(DataBridgeError)
    for (const other of [new Error('x'), {}, null, 'x', { code: 'DATA_BRIDGE_ERR_UNIQUE' }])
      expect(other).not.toBeInstanceOf(DataBridgeError)
  })

  it('is written to JSON with its facts, without its cause', () => {
    const error = new DataBridgeError('DATA_BRIDGE_ERR_UNIQUE', 'message', {
      cause: new Error('cause'),
      constraint: 'c',
      sqlState: '23505',
      table: undefined,
    })
    expect(JSON.parse(JSON.stringify(error))).toEqual({
      code: 'DATA_BRIDGE_ERR_UNIQUE',
      statusCode: 409,
      constraint: 'c',
      sqlState: '23505',
    })
    expect(error.stack).toMatch(/^DataBridgeError: message\n/)
  })
})

it('a value that is refused before it is sent is shortened in the message', async () => {
  const long = 'x'.repeat(1000)
  const { message } = await failure(
    'DATA_BRIDGE_ERR_TYPE',
    () => new User({ name: 'a', email: 'a', age: long as never }),
  )
  expect(message.length).toBeLessThan(200)
  expect(() => new User({ name: { toString: () => 'x' } as never, email: 'a' })).toThrow(
    coded('DATA_BRIDGE_ERR_TYPE', 'got an object'),
  )
})
