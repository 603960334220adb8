import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { afterAll, afterEach, describe, expect, it, vi } from 'vitest'
import { Database, type DatabaseOptions, sql } from '../../../orm/index.ts'
import { startPostgres } from '../../../plugin/testing/index.ts'
import { coded, failure } from '../../support/failure.ts'
import { startTlsPostgres } from '../../support/tls-postgres.ts'

const plain = await startPostgres()
const server = await startTlsPostgres()
const folder = await mkdtemp(join(tmpdir(), 'fastify-data-bridge-tls-'))
const root = join(folder, 'root.crt')
await writeFile(root, server.certificate)
afterEach(() => vi.unstubAllEnvs())
afterAll(async () => {
  await server[Symbol.asyncDispose]()
  await plain.stop()
  await rm(folder, { recursive: true })
})

type Ssl = DatabaseOptions['ssl']

const urlWith = (query: string, host = 'localhost', from = server.url): string => {
  const url = new URL(from)
  url.hostname = host
  return `${url.href}${query}`
}

/** Whether the server sees TLS on the connection. */
async function isEncrypted(connectionString: string, ssl?: Ssl): Promise<boolean> {
  await using database = new Database({ connectionString, ssl, max: 1 })
  const [row] = await database.run((session) =>
    session.execute<{ ssl: boolean }>(
      sql`select ssl from pg_stat_ssl where pid = pg_backend_pid()`,
    ),
  )
  return row?.ssl === true
}

async function refusal(connectionString: string, ssl?: Ssl): Promise<string> {
  const error = await failure('DATA_BRIDGE_ERR_UNREACHABLE', isEncrypted(connectionString, ssl))
  return error.details
}

const unknown = /self-signed certificate/
const otherHost = /does not match certificate's altnames/
const ip = '127.0.0.1'
const rootParameter = `sslrootcert=${encodeURIComponent(root)}`

describe('sslmode, where the server has TLS', () => {
  it.each<[string, string, Ssl]>([
    ['nothing is said', '', undefined],
    ['disable', '?sslmode=disable', undefined],
    ['disable beside ssl: false', '?sslmode=disable', false],
    ['disable: certificates are not read', '?sslmode=disable&sslrootcert=/nowhere', undefined],
    ['allow', '?sslmode=allow', undefined],
    ['prefer beside ssl: false', '?sslmode=prefer', false],
    ['ssl=false', '?ssl=false', undefined],
  ])('is in plain text: %s', async (_title, query, ssl) => {
    expect(await isEncrypted(urlWith(query), ssl)).toBe(false)
  })

  it.each<[string, string, Ssl]>([
    ['prefer', '?sslmode=prefer', undefined],
    ['require', '?sslmode=require', undefined],
    ['require beside ssl: true', '?sslmode=require', true],
    ['require with rejectUnauthorized: false', '?sslmode=require', { rejectUnauthorized: false }],
    ['require with the options of libpq', '?sslmode=require&uselibpqcompat=true', undefined],
    ['require with direct negotiation', '?sslmode=require&sslnegotiation=direct', undefined],
    ['no-verify', '?sslmode=no-verify', undefined],
    ['ssl=no-verify', '?ssl=no-verify', undefined],
    ['require with a root certificate', `?sslmode=require&${rootParameter}`, undefined],
    ['verify-ca', `?sslmode=verify-ca&${rootParameter}`, undefined],
    ['verify-ca with ssl: { ca }', '?sslmode=verify-ca', { ca: server.certificate }],
  ])('is encrypted, and the host is not compared: %s', async (_title, query, ssl) => {
    expect(await isEncrypted(urlWith(query, ip), ssl)).toBe(true)
  })

  it.each<[string, string, Ssl]>([
    ['verify-full', `?sslmode=verify-full&${rootParameter}`, undefined],
    ['ssl=true with a root certificate', `?ssl=true&${rootParameter}`, undefined],
    ['a root certificate alone', `?${rootParameter}`, undefined],
    ['ssl: { ca }', '', { ca: server.certificate }],
  ])('verifies the certificate and the host: %s', async (_title, query, ssl) => {
    expect(await isEncrypted(urlWith(query), ssl)).toBe(true)
    expect(await refusal(urlWith(query, ip), ssl)).toMatch(otherHost)
  })

  it.each<[string, string, Ssl]>([
    ['ssl: true', '', true],
    ['ssl=true', '?ssl=true', undefined],
    ['verify-full', '?sslmode=verify-full', undefined],
    ['verify-full with Node’s authorities', '?sslmode=verify-full&sslrootcert=system', undefined],
    ['require with rejectUnauthorized: true', '?sslmode=require', { rejectUnauthorized: true }],
  ])('refuses a certificate that nobody vouches for: %s', async (_title, query, ssl) => {
    expect(await refusal(urlWith(query), ssl)).toMatch(unknown)
  })

  it('is that of the environment, if nothing else says anything', async () => {
    vi.stubEnv('PGSSLMODE', 'require')
    expect(await isEncrypted(urlWith('', ip))).toBe(true)
    expect(await isEncrypted(urlWith('?sslmode=disable'))).toBe(false)
    expect(await isEncrypted(urlWith(''), false)).toBe(false)
    vi.stubEnv('PGSSLMODE', 'verify-full')
    expect(await refusal(urlWith(''))).toMatch(unknown)
    vi.stubEnv('PGSSLROOTCERT', root)
    expect(await isEncrypted(urlWith(''))).toBe(true)
  })

  it('says nothing about a deprecated meaning', async () => {
    const warn = vi.spyOn(process, 'emitWarning')
    await isEncrypted(urlWith('?sslmode=require'))
    expect(warn).not.toHaveBeenCalled()
    warn.mockRestore()
  })
})

describe('sslmode, where the server refuses one kind of connection', () => {
  const withoutTls = (query: string): string => `${plain.url}${query}`

  it('prefer goes on in plain text, with all connections that it needs', async () => {
    await using database = new Database({ connectionString: withoutTls('?sslmode=prefer'), max: 3 })
    const seconds = Array.from({ length: 6 }, () =>
      database.run((session) => session.execute(sql`select pg_sleep(0.02)`)),
    )
    expect(await Promise.all(seconds)).toHaveLength(6)
  })

  it('all others that want TLS do not connect', async () => {
    const message = 'The server does not support SSL connections'
    expect(await refusal(withoutTls('?sslmode=require'))).toContain(message)
    expect(await refusal(withoutTls('?sslmode=prefer'), true)).toContain(message)
    expect(await refusal(withoutTls(''), { rejectUnauthorized: false })).toContain(message)
  })

  it('allow goes on with TLS', async () => {
    await using own = await startTlsPostgres()
    await using database = new Database({ connectionString: own.url, max: 1 })
    await database.run(async (session) => {
      await session.execute(
        sql`copy (select 'hostssl all all all scram-sha-256') to program 'cat > pg_hba.conf'`,
      )
      await session.execute(sql`select pg_reload_conf()`)
    })
    await expect
      .poll(() =>
        isEncrypted(`${own.url}?sslmode=disable`).catch(({ code }: { code: string }) => code),
      )
      .toBe('DATA_BRIDGE_ERR_AUTHENTICATION')
    expect(await isEncrypted(`${own.url}?sslmode=allow`)).toBe(true)
  })
})

describe('TLS settings that contradict each other', () => {
  it.each<[string, Ssl, RegExp]>([
    ['?sslmode=disable', true, /agree, got sslmode=disable and ssl: true/],
    ['?sslmode=disable', {}, /agree, got sslmode=disable and ssl: \{/],
    ['?sslmode=disable&ssl=true', undefined, /sslmode=disable and ssl=true in the URL/],
    ['?sslmode=disable&sslnegotiation=direct', undefined, /sslmode=disable and sslnegotiation/],
    ['?sslmode=disable&sslmode=require', undefined, /one value of sslmode, got several/],
    ['?sslmode=require&ssl=0', undefined, /ssl=false in the URL and sslmode=require/],
    ['?ssl=0', true, /ssl=false in the URL and ssl: true/],
    ['?ssl=1', false, /ssl: false and ssl=true in the URL/],
    ['?sslmode=require', false, /ssl: false and sslmode=require/],
    ['?sslmode=verify-full', false, /ssl: false and sslmode=verify-full/],
    ['?sslmode=no-verify', false, /ssl: false and sslmode=no-verify/],
    [`?${rootParameter}`, false, /ssl: false and certificates in the URL/],
    ['?sslmode=verify-full', { rejectUnauthorized: false }, /rejectUnauthorized: false \} and/],
    ['?sslmode=verify-ca', { rejectUnauthorized: false }, /rejectUnauthorized: false \} and/],
    ['?sslmode=no-verify', { rejectUnauthorized: true }, /rejectUnauthorized: true \} and/],
    ['?ssl=no-verify', { rejectUnauthorized: true }, /rejectUnauthorized: true \} and/],
    ['?ssl=no-verify&sslmode=verify-full', undefined, /ssl=no-verify in the URL and/],
    [`?sslmode=require&${rootParameter}`, { ca: 'x' }, /expected ca once/],
    ['?sslmode=verify-ca', undefined, /verify-ca expected a root certificate/],
    [
      '?sslmode=require&sslrootcert=system',
      undefined,
      /sslrootcert=system expected sslmode=verify/,
    ],
    ['?sslmode=Require', undefined, /sslmode expected one of disable, .*got the string "Require"/],
    ['?ssl=maybe', undefined, /ssl in the URL expected true, false or no-verify/],
    ['?sslmode=require&uselibpqcompat=false', undefined, /uselibpqcompat expected true/],
    [
      '?sslmode=require&sslnegotiation=fast',
      undefined,
      /sslnegotiation expected postgres or direct/,
    ],
    ['?sslmode=require&sslcert=/nowhere', undefined, /sslcert expected a file .*ENOENT/],
    ['', null as never, /ssl expected true, false or options of node:tls, got null/],
    ['', [] as never, /ssl expected true, false or options of node:tls/],
  ])('are refused, without the password: %s with ssl: %o', (query, ssl, message) => {
    let error: unknown
    try {
      void new Database({ connectionString: `postgresql://me:s3cret@localhost/db${query}`, ssl })
    } catch (refused) {
      error = refused
    }
    expect(error).toEqual(coded('DATA_BRIDGE_ERR_OPTION'))
    expect((error as Error).message).toMatch(message)
    expect(inspect(error, { depth: 9, showHidden: true })).not.toContain('s3cret')
  })

  it('count no Unix socket, which has no TLS', () => {
    const socket = 'postgresql:///db?host=/var/run/postgresql'
    expect(() => new Database({ connectionString: `${socket}&sslmode=require` })).not.toThrow()
    expect(() => new Database({ connectionString: socket, ssl: true })).toThrow(
      coded('DATA_BRIDGE_ERR_OPTION', 'Unix socket'),
    )
  })
})
