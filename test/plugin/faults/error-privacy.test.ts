import { inspect } from 'node:util'
import { STATUS_CODES } from 'node:http'
import { beforeEach, describe, expect, it } from 'vitest'
import { DataBridgeError, errorCodes, type Session, sql } from '../../../orm/index.ts'
import { testDatabase } from '../../support/database.ts'
import { blog, Post, user, User } from '../../support/entities.ts'
import { type LogLine, serve, type Served, watchForLeaks } from '../serve.ts'

const stored = await testDatabase(blog)
const { database, query } = stored
watchForLeaks(stored)
await query('alter table users add constraint users_age_limit check (age < 100)')
await query('alter table users add column room int4range')
await query('alter table users add constraint users_room_excl exclude using gist (room with &&)')
beforeEach(async () => {
  await stored.truncate()
  await query(
    `insert into users (name, email, room) values ('hunter2', 'hunter2@example.com', '[4711,4712]')`,
  )
})

/** Nothing of this may reach a client: names of the schema, SQL, values. */
const private_ =
  /users|posts|email|author|age|room|hunter2|4711|select|insert|update|relation|column|constraint|sqlstate|query|session|at .*\.ts/i

const serving = (work: (session: Session) => unknown): Promise<Served> =>
  serve({ database }, (app) => {
    app.get('/', async ({ session }) => {
      await work(session)
      return 'fine'
    })
  })

const errorLine = (logs: readonly LogLine[]): NonNullable<LogLine['err']> => {
  const lines = logs.flatMap(({ err }) => err ?? [])
  expect(lines).toHaveLength(1)
  return lines[0]!
}

/** What a client gets to read of an error; its own code tells programs which one it is. */
async function bodyOf(response: Response): Promise<Record<string, unknown>> {
  const body = (await response.json()) as Record<string, unknown>
  // Node has no phrase for 499, which nobody reads.
  const phrase = STATUS_CODES[response.status] === undefined ? [] : ['error']
  expect(Object.keys(body).toSorted()).toEqual(['code', ...phrase, 'message', 'statusCode'])
  expect(body['message']).not.toMatch(private_)
  expect(body['error'] ?? '').not.toMatch(private_)
  expect(body['statusCode']).toBe(response.status)
  return body
}

interface Kind {
  readonly what: string
  readonly status: number
  readonly code: string
  readonly work: (session: Session) => unknown
  /** What the log says of it. */
  readonly log: RegExp
  readonly facts?: Record<string, string>
}

const kinds: readonly Kind[] = [
  {
    what: 'a filter of an unknown column',
    status: 500,
    code: 'DATA_BRIDGE_ERR_FILTER',
    work: (session) =>
      session
        .find(User)
        .filter({ hunter2: 1 } as never)
        .toList(),
    log: /hunter2/,
  },
  {
    what: 'a value of another type',
    status: 500,
    code: 'DATA_BRIDGE_ERR_TYPE',
    work: (session) => session.get(User, 'hunter2' as never),
    log: /User.*hunter2/,
  },
  {
    what: 'a value that PostgreSQL cannot take',
    status: 400,
    code: 'DATA_BRIDGE_ERR_INVALID_VALUE',
    work: (session) => session.execute(sql`select ${'hunter2'}::int`),
    log: /PostgresError: PostgreSQL error 22P02/,
    facts: { sqlState: '22P02' },
  },
  {
    what: 'a number out of range',
    status: 400,
    code: 'DATA_BRIDGE_ERR_INVALID_VALUE',
    work: (session) => session.execute(sql`select ${4_711_000_000_000}::bigint::int`),
    log: /22003/,
    facts: { sqlState: '22003' },
  },
  {
    what: 'a unique violation',
    status: 409,
    code: 'DATA_BRIDGE_ERR_UNIQUE',
    work: (session) => session.add(user('hunter2')),
    log: /users_email_key/,
    facts: { constraint: 'users_email_key', table: 'users', sqlState: '23505' },
  },
  {
    what: 'a foreign key violation',
    status: 409,
    code: 'DATA_BRIDGE_ERR_FOREIGN_KEY',
    work: (session) => session.add(new Post({ title: 'x', authorId: 4711 })),
    log: /posts_author_id_fkey/,
    facts: { constraint: 'posts_author_id_fkey', table: 'posts', sqlState: '23503' },
  },
  {
    what: 'a check violation',
    status: 400,
    code: 'DATA_BRIDGE_ERR_CHECK',
    work: (session) => session.add(user('old', { age: 4711 })),
    log: /users_age_limit/,
    facts: { constraint: 'users_age_limit', table: 'users', sqlState: '23514' },
  },
  {
    what: 'an exclusion violation',
    status: 409,
    code: 'DATA_BRIDGE_ERR_EXCLUSION',
    work: (session) =>
      session.execute(
        sql`insert into users (name, email, room) values ('x', 'x', ${'[4711,4712]'}::int4range)`,
      ),
    log: /users_room_excl/,
    facts: { constraint: 'users_room_excl', table: 'users', sqlState: '23P01' },
  },
  {
    what: 'a missing value',
    status: 400,
    code: 'DATA_BRIDGE_ERR_NOT_NULL',
    work: (session) => session.execute(sql`insert into users (name) values (${'hunter2'})`),
    log: /email/,
    facts: { column: 'email', table: 'users', sqlState: '23502' },
  },
  {
    what: 'a syntax error in SQL of its own',
    status: 500,
    code: 'DATA_BRIDGE_ERR_STATEMENT',
    work: (session) => session.execute(sql`selekt * from users where email = ${'hunter2'}`),
    log: /syntax error at or near "selekt"/,
    facts: { sqlState: '42601' },
  },
  {
    what: 'a table that does not exist',
    status: 500,
    code: 'DATA_BRIDGE_ERR_STATEMENT',
    work: (session) => session.execute(sql`select * from users_of_hunter2`),
    log: /relation "users_of_hunter2" does not exist/,
    facts: { sqlState: '42P01' },
  },
  {
    what: 'a relation that is not loaded',
    status: 500,
    code: 'DATA_BRIDGE_ERR_RELATION_NOT_LOADED',
    work: async (session) => (await session.get(User, 1))?.posts.value,
    log: /User\.posts/,
  },
  {
    what: 'a row that is gone',
    status: 404,
    code: 'DATA_BRIDGE_ERR_NOT_FOUND',
    work: async (session) => {
      const gone = await session.get(User, 1)
      await query('delete from users')
      await session.refresh(gone!)
    },
    log: /User/,
  },
  {
    what: 'a query that is cancelled',
    status: 504,
    code: 'DATA_BRIDGE_ERR_STATEMENT_TIMEOUT',
    work: async (session) => {
      await session.execute(sql`set local statement_timeout = 5`)
      await session.execute(sql`select pg_sleep(4711)`)
    },
    log: /cancel/,
    facts: { sqlState: '57014' },
  },
]

describe('of an error a client reads neither SQL nor values nor names, and the log has them all', () => {
  it.each(kinds)('$what', async ({ status, code, work, log, facts = {} }) => {
    await using served = await serving(work)
    const response = await served.fetch('/')
    expect(await bodyOf(response)).toMatchObject({ statusCode: status, code })
    const line = errorLine(served.logs)
    expect(line).toMatchObject({ code, ...facts })
    expect(line.stack).toMatch(log)
    expect(line.stack).toMatch(/\n {4}at /)
  })

  it.each(kinds.filter(({ facts }) => facts?.['sqlState']?.startsWith('2')))(
    'and values that PostgreSQL quotes are in neither: $what',
    async ({ work }) => {
      await using served = await serving(work)
      await served.fetch('/')
      // Not the whole line: its time and its ports are numbers, too.
      const told = served.logs.map(({ msg, err }) => [msg, err])
      expect(JSON.stringify(told)).not.toMatch(/hunter2|4711/)
    },
  )
})

describe('a handler that sends the message of an error', () => {
  const ofData = kinds.filter(
    ({ status, code }) => status < 500 || code.endsWith('TIMEOUT') || code.endsWith('STATEMENT'),
  )

  it.each(ofData)('shows a client nothing, and a developer everything: $what', async (kind) => {
    const caught: unknown[] = []
    await using served = await serve({ database }, (app) => {
      app.get('/', async ({ session, log }, reply) => {
        try {
          await kind.work(session)
          await session.flush()
          return 'fine'
        } catch (error) {
          caught.push(error)
          log.info(error)
          return reply.code(kind.status).send({ message: (error as Error).message })
        }
      })
    })
    const { message } = (await (await served.fetch('/')).json()) as { message: string }
    expect(message).not.toMatch(
      /users|posts|email|author|age\b|room|hunter2|4711|select|insert|update|sqlstate|User/,
    )
    const shown = inspect(caught[0])
    expect(shown).toMatch(kind.log)
    const line = errorLine(served.logs)
    expect(line.stack).toMatch(kind.log)
    expect(line).toMatchObject({ code: kind.code, ...kind.facts })
  })
})

describe('every kind of DataBridgeError', () => {
  const secrets = { constraint: 'users_email_key', table: 'users', column: 'email' }

  it.each(errorCodes)('%s, thrown or sent', async (code) => {
    const make = (): DataBridgeError =>
      new DataBridgeError(code, 'select hunter2 from users', {
        ...secrets,
        cause: new Error('hunter2'),
      })
    await using served = await serve({ database }, (app) => {
      app.get('/thrown', async () => {
        throw make()
      })
      app.get('/sent', (_request, reply) => void reply.send(make()))
      app.get('/used', async ({ session }) => {
        await session.find(User).count()
        throw make()
      })
    })
    for (const path of ['/thrown', '/sent', '/used']) {
      const response = await served.fetch(path)
      expect(response.status).toBe(make().statusCode)
      expect(await bodyOf(response)).toMatchObject({ code, message: make().clientMessage })
    }
    for (const { err } of served.logs.filter((line) => line.err !== undefined)) {
      expect(err).toMatchObject(secrets)
      expect(err?.stack).toContain('select hunter2 from users')
    }
  })
})

describe('an error handler of the application', () => {
  it('sees the message that a client may read, and the facts beside it', async () => {
    await using served = await serve({ database }, (app) => {
      app.setErrorHandler<DataBridgeError>((error, _request, reply) =>
        reply.code(error.statusCode).send({ said: error.message, about: error.constraint }),
      )
      app.get('/', async ({ session }) => {
        session.add(user('hunter2'))
        await session.flush()
      })
    })
    const response = await served.fetch('/')
    expect(await response.json()).toEqual({
      said: 'This value is taken already.',
      about: 'users_email_key',
    })
  })
})

it('an error that cannot be changed is rolled back all the same', async () => {
  await using served = await serve({ database }, (app) => {
    app.setErrorHandler((_error, _request, reply) => reply.code(200).send('fine'))
    app.get('/', async ({ session }) => {
      session.add(user('ann'))
      const error = new DataBridgeError('DATA_BRIDGE_ERR_QUERY', 'broken')
      Object.freeze(error)
      throw error
    })
  })
  expect((await served.fetch('/')).status).toBe(200)
  expect(await query(`select from users where name = 'ann'`)).toEqual([])
})
