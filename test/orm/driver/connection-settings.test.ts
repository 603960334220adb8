import { mkdtemp, rm } from 'node:fs/promises'
import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { afterEach, describe, expect, it, onTestFinished, vi } from 'vitest'
import { openPool } from '../../../orm/driver/open-pool.ts'
import { Database, type DatabaseOptions, sql } from '../../../orm/index.ts'
import { startPostgres } from '../../../plugin/testing/index.ts'
import { testDatabase } from '../../support/database.ts'
import { coded, failure } from '../../support/failure.ts'

// One that asks for a password, whatever that of the run does.
const guarded = await startPostgres()
const { url } = await testDatabase()
afterEach(() => vi.unstubAllEnvs())

const parts = new URL(guarded.url)
const settings = {
  host: parts.hostname,
  port: Number(parts.port),
  user: parts.username,
  password: parts.password,
  database: 'postgres',
}

const who = sql`select current_user::text as user, current_database()::text as database`
const expected = [{ user: parts.username, database: 'postgres' }]

async function ask(options: DatabaseOptions): Promise<unknown> {
  await using database = new Database({ max: 1, ...options })
  return await database.run((session) => session.execute(who))
}

function setEnvironment(): void {
  vi.stubEnv('PGHOST', settings.host)
  vi.stubEnv('PGPORT', String(settings.port))
  vi.stubEnv('PGUSER', settings.user)
  vi.stubEnv('PGPASSWORD', settings.password)
  vi.stubEnv('PGDATABASE', 'postgres')
}

describe('settings in place of a URL', () => {
  it('connect as a URL does', async () => {
    expect(await ask(settings)).toEqual(expected)
    expect(await ask({ ...settings, connectionString: undefined })).toEqual(expected)
  })

  it('take a function for the password, called for each connection', async () => {
    const password = vi.fn<() => Promise<string>>().mockResolvedValue(settings.password)
    expect(await ask({ ...settings, password })).toEqual(expected)
    expect(await ask({ ...settings, password: () => settings.password })).toEqual(expected)
    expect(password).toHaveBeenCalledOnce()
  })

  it('fail with the error of the function, and show no password', async () => {
    const password = (): never => {
      throw new Error('the vault is closed')
    }
    const error = await failure('DATA_BRIDGE_ERR_UNREACHABLE', ask({ ...settings, password }))
    expect(error.details).toContain('the vault is closed')
  })

  it('may name the folder of a Unix socket', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'data-bridge-socket-'))
    const server = createServer((client) => {
      const other = connect(settings.port, settings.host)
      client.pipe(other).pipe(client)
      for (const socket of [client, other]) socket.on('error', () => {})
    })
    await once(server.listen(join(folder, '.s.PGSQL.5432')), 'listening')
    onTestFinished(async () => {
      server.close()
      await rm(folder, { recursive: true })
    })
    const { port: _port, ...others } = settings
    expect(await ask({ ...others, host: folder })).toEqual(expected)
    const { username, password } = parts
    const connectionString = `postgresql://${username}:${password}@/postgres?host=${folder}`
    expect(await ask({ connectionString })).toEqual(expected)
  })

  it('say where they lead in errors', async () => {
    const wrong = { ...settings, password: 's3cret' }
    const error = await failure('DATA_BRIDGE_ERR_AUTHENTICATION', ask(wrong))
    expect(error.details).toContain(`(postgres@${settings.host}:${settings.port}/postgres)`)
    expect(inspect(error, { depth: 9, showHidden: true })).not.toContain('s3cret')
  })
})

describe('the environment of pg', () => {
  it('stands for all settings, or for those that are left out', async () => {
    setEnvironment()
    expect(await ask({})).toEqual(expected)
    vi.stubEnv('PGDATABASE', 'nowhere')
    expect(await ask({ database: 'postgres' })).toEqual(expected)
    expect(await ask({ connectionString: 'postgresql:///postgres' })).toEqual(expected)
  })

  it('does not replace what is given', async () => {
    setEnvironment()
    vi.stubEnv('PGPORT', '1')
    vi.stubEnv('PGUSER', 'nobody')
    expect(await ask(settings)).toEqual(expected)
  })

  it('counts as a source only where it says where a server is', () => {
    vi.stubEnv('PGPASSWORD', 's3cret')
    for (const name of ['PGHOST', 'PGPORT', 'PGUSER', 'PGDATABASE']) vi.stubEnv(name, undefined)
    expect(() => new Database({})).toThrow(
      coded('DATA_BRIDGE_ERR_OPTION', 'expected connectionString, pool, host and its like, or the'),
    )
  })
})

describe('settings that are not valid', () => {
  const pool = { connect() {}, totalCount: 0 }
  it.each<[object, RegExp]>([
    [{ connectionString: url, host: 'db' }, /one source.*got connectionString and host/],
    [{ connectionString: url, password: 's3cret' }, /got connectionString and password/],
    [{ connectionString: url, user: 'a', database: 'b' }, /connectionString and user and database/],
    [{ pool, host: 'db' }, /one source.*got pool and host/],
    [{ pool, connectionString: url, host: 'db' }, /got connectionString, pool and host/],
    [{ host: '' }, /host expected a host name/],
    [{ host: 5 }, /host expected .*got the number 5/],
    [{ host: 'postgresql://me:s3cret@db/x' }, /host expected .*got a URL \(not shown/],
    [{ database: 'postgresql://me:s3cret@db/x' }, /database expected .*got a URL \(not shown/],
    [{ host: 'db', port: '5432' }, /port expected a whole number from 1 to 65535, got the string/],
    [{ host: 'db', port: 0 }, /port expected .*got the number 0/],
    [{ host: 'db', port: 65_536 }, /port expected .*got the number 65536/],
    [{ host: 'db', user: null }, /user expected the name of a user, got null/],
    [{ host: 'db', password: Buffer.from('s3cret') }, /password expected a string or a function/],
    [{ host: 'db', password: 12_345 }, /password expected a string or a function, got another/],
    [{ host: 'db', prepare: 'no' }, /prepare expected true or false, got the string "no"/],
    [{ hostname: 'db', host: 'db' }, /Database has no option hostname; it has .*host/],
  ])('are refused, and no password is shown: %o', (options, message) => {
    let error: unknown
    try {
      void new Database(options)
    } catch (refused) {
      error = refused
    }
    expect(error).toEqual(coded('DATA_BRIDGE_ERR_OPTION'))
    expect((error as Error).message).toMatch(message)
    expect(inspect(error, { depth: 9, showHidden: true })).not.toMatch(/s3cret|12345/)
  })
})

describe('prepare', () => {
  it.each<[boolean | undefined, string, boolean | undefined]>([
    [undefined, '', undefined],
    [true, '', true],
    [false, '', false],
    [undefined, '?pgbouncer=true', false],
    [false, '?pgbouncer=true', false],
    [undefined, '?pgbouncer=false', undefined],
    [true, '?pgbouncer=false', true],
  ])('%s with %o is %s for the driver', async (prepare, query, expectedValue) => {
    const connectionString = `${guarded.url}${query}`
    const pool = openPool(undefined, { connectionString }, { prepare })
    expect(pool.prepare).toBe(expectedValue)
    await pool.end()
    expect(await ask({ connectionString, prepare })).toEqual(expected)
  })

  it.each<[DatabaseOptions, RegExp]>([
    [{ connectionString: `${url}?pgbouncer=true`, prepare: true }, /prepare: true and pgbouncer/],
    [{ connectionString: `${url}?pgbouncer=yes` }, /pgbouncer in the URL expected true or false/],
  ])('is refused where it contradicts: %o', (options, message) => {
    expect(() => new Database(options)).toThrow(message)
  })

  it('leaves the other parameters of the URL to pg', async () => {
    const query = '?pgbouncer=true&application_name=a%20b&sslmode=disable&options=-c%20geqo%3Doff'
    await using database = new Database({ connectionString: `${guarded.url}${query}`, max: 1 })
    const rows = await database.run((session) =>
      session.execute(
        sql`select current_setting('application_name') as name, current_setting('geqo') as geqo`,
      ),
    )
    expect(rows).toEqual([{ name: 'a b', geqo: 'off' }])
  })
})
