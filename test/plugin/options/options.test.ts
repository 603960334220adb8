import Fastify from 'fastify'
import pg from 'pg'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { DataBridgeError } from '../../../orm/index.ts'
import dataBridge, { type DataBridgeOptions } from '../../../plugin/index.ts'
import { testDatabase } from '../../support/database.ts'
import { blog, User } from '../../support/entities.ts'
import { watchForLeaks } from '../serve.ts'

const stored = await testDatabase(blog)
const { database, url } = stored
watchForLeaks(stored)
afterEach(() => vi.unstubAllEnvs())

async function refusalOf(options: unknown): Promise<Error> {
  const app = Fastify()
  app.register(dataBridge, options as DataBridgeOptions)
  const error: unknown = await app.ready().then(
    () => expect.unreachable('the application got ready'),
    (reason: unknown) => reason,
  )
  await app.close()
  expect(error).toBeInstanceOf(DataBridgeError)
  expect(error).toMatchObject({ code: 'DATA_BRIDGE_ERR_OPTION' })
  return error as Error
}

const secret = 'postgresql://me:s3cret@localhost/db'

describe('an option that is not valid fails ready()', () => {
  it.each<[string, object, RegExp]>([
    ['nothing', {}, /connectionString, pool, database.*DATABASE_URL, got none/],
    [
      'connectionString',
      { connectionString: 5 },
      /connectionString expected a URL.*got the number 5/,
    ],
    ['connectionString', { connectionString: '' }, /connectionString expected a URL/],
    ['connectionString', { connectionString: 's3cret@localhost' }, /expected a URL.*not shown/],
    [
      'connectionString',
      { connectionString: 'mysql://me:s3cret@localhost/db' },
      /expected a URL.*not shown/,
    ],
    [
      'connectionString',
      { connectionString: 'postgresql://me:s3cret@localhost:port/db' },
      /expected a URL.*not shown/,
    ],
    [
      'connectionString',
      { connectionString: new URL(secret) },
      /expected a URL.*got an object of URL/,
    ],
    ['pool', { pool: {} }, /pool expected a pg\.Pool, got an object/],
    ['pool', { pool: secret }, /pool expected a pg\.Pool, got a string/],
    ['database', { database: {} }, /database expected a Database, got an object/],
    ['database', { database: secret }, /database expected a Database, got a string/],
    ['database', { database: null }, /database expected a Database, got null/],
    [
      'two sources',
      { database, connectionString: secret },
      /one source.*got database and connectionString/,
    ],
    [
      'two sources',
      { pool: new pg.Pool(), connectionString: secret },
      /one source.*got connectionString and pool/,
    ],
    [
      'two sources',
      { connectionString: secret, host: 'db', password: 's3cret' },
      /one source.*got connectionString and host and password/,
    ],
    ['two sources', { database, host: 'db' }, /one source.*got database and host/],
    ['two sources', { pool: new pg.Pool(), database: 'x' }, /one source.*got pool and database/],
    ['database', { database: 'x' }, /database expected a Database, got a string.*not shown.*host/],
    ['database', { host: 'db', database: secret }, /database expected a Database, got a string/],
    ['host', { host: secret }, /host expected.*got a URL \(not shown/],
    ['port', { host: 'db', port: '1' }, /port expected a whole number.*got the string "1"/],
    [
      'TLS',
      { connectionString: `${secret}?sslmode=disable`, ssl: true },
      /expected TLS settings that agree, got sslmode=disable and ssl: true/,
    ],
    ['prepare', { connectionString: url, prepare: 1 }, /prepare expected true or false/],
    [
      'prepare',
      { connectionString: `${secret}?pgbouncer=true`, prepare: true },
      /prepare: true and pgbouncer=true/,
    ],
    ['a setting of the pool', { database, max: 3 }, /got database and max/],
    ['tables', { database, tables: blog }, /got database and tables/],
    [
      'tables',
      { connectionString: url, tables: User },
      /tables expected an array of entity classes, got the function User/,
    ],
    [
      'max',
      { connectionString: url, max: 'ten' },
      /max expected a whole number.*got the string "ten"/,
    ],
    ['max', { connectionString: url, max: 0 }, /max expected a whole number.*got the number 0/],
    [
      'idleTimeoutMillis',
      { connectionString: url, idleTimeoutMillis: -1 },
      /idleTimeoutMillis expected.*got the number -1/,
    ],
    [
      'keepAlive',
      { connectionString: url, keepAlive: 'no' },
      /keepAlive expected true or false, got the string "no"/,
    ],
    [
      'application_name',
      { connectionString: url, application_name: 1 },
      /application_name expected a string, got the number 1/,
    ],
    [
      'decorateAs',
      { database, decorateAs: 5 },
      /decorateAs expected the name of a property, got the number 5/,
    ],
    [
      'decorateAs',
      { database, decorateAs: 'my session' },
      /decorateAs expected the name of a property, got the string "my session"/,
    ],
    ['decorateAs', { database, decorateAs: '' }, /decorateAs expected the name of a property/],
    [
      'commitOn',
      { database, commitOn: true },
      /commitOn expected a function.*got the boolean true/,
    ],
    [
      'headers',
      { database, headers: 'always' },
      /headers expected 'dev', true, false or a function.*got the string "always"/,
    ],
    ['headers', { database, headers: null }, /headers expected.*got null/],
    [
      'ambient',
      { database, ambient: 'yes' },
      /ambient expected true or false, got the string "yes"/,
    ],
    ['ambient', { database, ambient: null }, /ambient expected true or false, got null/],
    [
      'timeouts',
      { connectionString: url, timeouts: 5000 },
      /timeouts expected an object such as \{ statement: 5000 \}, got the number 5000/,
    ],
    ['timeouts', { connectionString: url, timeouts: null }, /timeouts expected.*got null/],
    [
      'timeouts',
      { connectionString: url, timeouts: { statements: 5000 } },
      /timeouts has no statements; it has acquire, statement, transaction/,
    ],
    [
      'timeouts',
      { connectionString: url, timeouts: { statement: 0 } },
      /timeouts\.statement expected whole milliseconds from 1 to \d+, got the number 0/,
    ],
    [
      'timeouts',
      { connectionString: url, timeouts: { transaction: '5s' } },
      /timeouts\.transaction expected whole milliseconds.*got the string "5s"/,
    ],
    [
      'timeouts',
      { connectionString: url, timeouts: { acquire: 2 ** 31 } },
      /timeouts\.acquire expected whole milliseconds.*got the number 2147483648/,
    ],
    [
      'timeouts',
      { connectionString: url, timeouts: { acquire: null } },
      /timeouts\.acquire expected whole milliseconds.*or false, got null/,
    ],
    ['timeouts', { database, timeouts: { statement: 1 } }, /got database and timeouts/],
    [
      'maxWaiting',
      { connectionString: url, maxWaiting: -1 },
      /maxWaiting expected a whole number from 0, got the number -1/,
    ],
    [
      'maxWaiting',
      { connectionString: url, maxWaiting: 1.5 },
      /maxWaiting expected a whole number from 0, got the number 1\.5/,
    ],
    [
      'maxWaiting',
      { connectionString: url, maxWaiting: '10' },
      /maxWaiting expected a whole number from 0, got the string "10"/,
    ],
    ['maxWaiting', { database, maxWaiting: 1 }, /got database and maxWaiting/],
    [
      'slowQueryMs',
      { database, slowQueryMs: -1 },
      /slowQueryMs expected a number of milliseconds from 0, got the number -1/,
    ],
    [
      'slowQueryMs',
      { database, slowQueryMs: '100' },
      /slowQueryMs expected a number of milliseconds from 0, got the string "100"/,
    ],
    [
      'slowQueryMs',
      { database, slowQueryMs: Number.NaN },
      /slowQueryMs expected.*got the number NaN/,
    ],
    ['slowQueryMs', { database, slowQueryMs: null }, /slowQueryMs expected.*got null/],
    [
      'spans',
      { connectionString: url, spans: 'some' },
      /spans expected one of 'all', 'queries\+session', 'queries', got the string "some"/,
    ],
    ['spans', { connectionString: url, spans: false }, /spans expected.*got the boolean false/],
    [
      'queryText',
      { connectionString: url, queryText: 'no' },
      /queryText expected true or false, got the string "no"/,
    ],
    [
      'queryParameters',
      { connectionString: url, queryParameters: 1 },
      /queryParameters expected true or false, got the number 1/,
    ],
    [
      'tracing',
      { connectionString: url, tracing: 'off' },
      /tracing expected true or false, got the string "off"/,
    ],
    [
      'lazy',
      { connectionString: url, lazy: 'eager' },
      /lazy expected one of 'select', 'peers', 'raise', got the string "eager"/,
    ],
    [
      'nPlusOne',
      { connectionString: url, nPlusOne: true },
      /nPlusOne expected a mode .*got the boolean true/,
    ],
    [
      'an unknown one',
      { database, slowQueryMS: 5 },
      /fastify-data-bridge has no option slowQueryMS; it has .*slowQueryMs/,
    ],
    [
      'an unknown one',
      { connectionString: url, conectionString: url },
      /no option conectionString/,
    ],
    ['an unknown one', { pool: new pg.Pool(), header: true }, /no option header/],
    ['an unknown one', { database, header: true }, /no option header; it has database/],
  ])('%s: %o', async (_option, options, message) => {
    vi.stubEnv('DATABASE_URL', undefined)
    const error = await refusalOf(options)
    expect(error.message).toMatch(message)
    expect(error.stack).not.toContain('s3cret')
  })

  it.each([5, 'postgresql://localhost/db', null])('no object: %o', async (options) => {
    await expect(async () => {
      await using app = Fastify()
      await dataBridge(app, options as never)
    }).rejects.toThrow(/expected an object of options, got/)
  })

  it('DATABASE_URL without a value counts as unset', async () => {
    vi.stubEnv('DATABASE_URL', '')
    expect((await refusalOf({})).message).toMatch(/got none/)
  })
})
