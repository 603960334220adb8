import { type AddressInfo, createServer } from 'node:net'
import { inspect } from 'node:util'
import { afterAll, describe, expect, it } from 'vitest'
import { Database, Session, sql } from '../../../orm/index.ts'
import { startPostgres } from '../../../plugin/testing/index.ts'
import { testDatabase } from '../../support/database.ts'
import { blog, user, User } from '../../support/entities.ts'
import { coded, failure } from '../../support/failure.ts'

const { url, database } = await testDatabase(blog)
// One that asks for a password, whatever that of the run does.
const guarded = await startPostgres()
afterAll(() => guarded.stop())

const changed = (change: (url: URL) => void, from = guarded.url) => {
  const other = new URL(from)
  change(other)
  return other.href
}

const onPort = (port: number) =>
  changed((other) => Object.assign(other, { hostname: '127.0.0.1', port: String(port) }))

async function failureOf(code: Parameters<typeof failure>[0], connectionString: string) {
  await using session = new Session(connectionString)
  const error = await failure(code, session.find(User).count())
  const { password } = new URL(connectionString)
  expect(inspect(error, { depth: 9, showHidden: true })).not.toContain(password)
  expect(error.statusCode).toBe(503)
  expect(error.clientMessage).toBe('The database is not available at the moment.')
  return error
}

describe('a connection that cannot be made', () => {
  it('because of the password', async () => {
    const error = await failureOf(
      'DATA_BRIDGE_ERR_AUTHENTICATION',
      changed((other) => (other.password = 'not-the-password')),
    )
    expect(error.sqlState).toBe('28P01')
    expect(error.details).toMatch(
      /^PostgreSQL refused the password \(\w+@[\w.]+:\d+\/\w+\): check user, password/,
    )
  })

  it('because there is no such database', async () => {
    const error = await failureOf(
      'DATA_BRIDGE_ERR_AUTHENTICATION',
      changed((other) => (other.pathname = '/nowhere')),
    )
    expect([error.sqlState, error.details]).toEqual([
      '3D000',
      expect.stringContaining('no database of this name'),
    ])
  })

  it('because nobody listens', async () => {
    const server = createServer()
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as AddressInfo
    await new Promise((resolve) => server.close(resolve))
    const error = await failureOf('DATA_BRIDGE_ERR_UNREACHABLE', onPort(port))
    expect(error.details).toContain(`PostgreSQL cannot be reached (`)
    expect(error.details).toContain(`ECONNREFUSED 127.0.0.1:${port}`)
  })

  it('because what listens hangs up', async () => {
    const server = createServer((socket) => socket.destroy())
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as AddressInfo
    const error = await failureOf('DATA_BRIDGE_ERR_UNREACHABLE', onPort(port))
    expect(error.details).toContain('Connection terminated')
    await new Promise((resolve) => server.close(resolve))
  })

  it('is the error of open(), of transaction() and of run() too', async () => {
    const wrong = changed((other) => (other.password = 'not-the-password'))
    await using session = new Session(wrong)
    const refused = coded('DATA_BRIDGE_ERR_AUTHENTICATION')
    await expect(session.open()).rejects.toThrow(refused)
    await expect(session.transaction(() => 1)).rejects.toThrow(refused)
    await using other = new Database({ connectionString: wrong })
    await expect(other.run((own) => own.add(user('x')))).rejects.toThrow(refused)
    await expect(other.createSchema(blog)).rejects.toThrow(refused)
  })

  it('leaves the session usable: the next statement tries again', async () => {
    const broken = new Database({
      connectionString: changed((other) => (other.pathname = '/nowhere')),
    })
    await using session = broken.session()
    for (let time = 0; time < 3; time += 1)
      await expect(session.find(User).count()).rejects.toThrow(
        coded('DATA_BRIDGE_ERR_AUTHENTICATION'),
      )
    expect(broken.usage).toEqual({ total: 0, idle: 0, waiting: 0 })
    await session.close()
    await broken.close()
  })
})

describe('a pool that has no connection left', () => {
  it('is a 503 after connectionTimeoutMillis, and works again when one comes back', async () => {
    await using small = new Database({
      connectionString: url,
      max: 1,
      connectionTimeoutMillis: 300,
    })
    await using holder = small.session()
    await holder.execute(sql`select 1`)
    await using waiting = small.session()
    const error = await failure('DATA_BRIDGE_ERR_POOL_EXHAUSTED', waiting.find(User).count())
    expect([error.statusCode, error.clientMessage]).toEqual([
      503,
      'The database is not available at the moment.',
    ])
    await holder.rollback()
    expect(await waiting.find(User).count()).toBe(0)
    expect(small.usage).toEqual({ total: 1, idle: 1, waiting: 0 })
  })

  it('makes sessions wait for one', async () => {
    await using small = new Database({ connectionString: url, max: 1 })
    await using holder = small.session()
    await holder.execute(sql`select 1`)
    await using waiting = small.session()
    const counting = waiting.find(User).count()
    await expect.poll(() => small.usage.waiting).toBe(1)
    await holder.rollback()
    expect(await counting).toBe(0)
  })
})

describe('options of a database', () => {
  it.each<[string, unknown]>([
    ['no object', undefined],
    ['neither URL nor pool', {}],
    ['both URL and pool', { connectionString: url, pool: { connect() {}, totalCount: 0 } }],
    ['no pool', { pool: {} }],
    ['no URL', { connectionString: 'localhost' }],
    ['a URL of another kind', { connectionString: 'mysql://localhost/x' }],
    ['a number', { connectionString: 5432 }],
    ['an unknown key', { connectionString: url, maximum: 5 }],
    ['a pool setting beside a pool', { pool: { connect() {}, totalCount: 0 }, max: 5 }],
    ['a setting of another type', { connectionString: url, max: '5' }],
    ['tables that are no list', { connectionString: url, tables: User }],
  ])('are checked: %s', (_, options) => {
    expect(() => new Database(options as never)).toThrow(coded('DATA_BRIDGE_ERR_OPTION'))
  })

  it('refuse a class that is no entity among the tables', () => {
    const tables = [class {}] as never
    expect(() => new Database({ connectionString: url, tables })).toThrow(
      coded('DATA_BRIDGE_ERR_ENTITY'),
    )
  })

  it('do not show a connection string that may hold a password', async () => {
    const bad = 'postgres:/user:hunter2@host'
    const error = await failure(
      'DATA_BRIDGE_ERR_OPTION',
      () => new Database({ connectionString: bad }),
    )
    expect(inspect(error)).not.toContain('hunter2')
  })

  it('reach PostgreSQL', async () => {
    await using own = new Database({ connectionString: url, application_name: 'named by option' })
    await own.run(async (session) => {
      expect(await session.execute(sql`show application_name`)).toEqual([
        { application_name: 'named by option' },
      ])
    })
    expect(database.usage.waiting).toBe(0)
  })
})
