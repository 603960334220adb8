import { Readable } from 'node:stream'
import { beforeAll, expect, it } from 'vitest'
import { Database, sql, type Session } from '../../../orm/index.ts'
import { testDatabase } from '../../support/database.ts'
import { blog, User } from '../../support/entities.ts'
import { protocols, receive } from '../client.ts'
import { serve, type Served, watchForLeaks } from '../serve.ts'

const stored = await testDatabase(blog)
const { query, url } = stored
watchForLeaks(stored)
const rows = 20_000

beforeAll(async () => {
  await query(`insert into users (name, email)
    select 'user ' || n, n || '@example.com' from generate_series(1, ${rows}) n`)
})

/** A route whose response flows from a query, on a database with one connection. */
async function streaming(lines: (session: Session) => AsyncIterable<string>): Promise<Served> {
  const database = new Database({ connectionString: url, max: 1 })
  return serve({ database }, (app) => {
    app.addHook('onClose', () => database.close())
    const config = { dataBridge: { stream: 'deferred' } } as const
    app.get('/', { config }, async ({ session }) => Readable.from(lines(session)))
    app.get('/count', ({ session }) => session.find(User).count())
  })
}

async function* entities(session: Session): AsyncGenerator<string> {
  for await (const user of session
    .find(User)
    .orderBy((row) => row.id.asc())
    .stream())
    yield `${user.id},${user.email}\n`
}

async function* values(session: Session): AsyncGenerator<string> {
  const users = session.find(User).orderBy((row) => row.id.asc())
  const stream = users.select((row) => ({ id: row.id, email: row.email })).stream()
  for await (const { id, email } of stream) yield `${id},${email}\n`
}

it.each([
  ['entities', entities],
  ['plain rows', values],
])('a response flows from a query: %s', async (_, lines) => {
  await using served = await streaming(lines)
  const { status, body } = await receive(served.port)
  expect(status).toBe(200)
  const received = String(body).trim().split('\n')
  expect(received).toHaveLength(rows)
  expect(received.at(-1)).toBe(`${rows},${rows}@example.com`)
  expect((await receive(served.port, { path: '/count' })).body).toBe(String(rows))
})

it('a client that leaves in the middle gives the connection back', async () => {
  await using served = await streaming(async function* (session) {
    for await (const line of entities(session)) {
      yield line.padEnd(10_000)
    }
  })
  const [overHttp1] = protocols
  const client = await overHttp1?.request(served.port, '/')
  await expect
    .poll(() =>
      query(`select from pg_stat_activity
        where datname = current_database() and query like 'fetch 500 from data_bridge%'`),
    )
    .not.toEqual([])
  client?.leave()
  expect((await receive(served.port, { path: '/count' })).body).toBe(String(rows))
})

it('a row that cannot be read cuts the response off, and gives the connection back', async () => {
  await using served = await streaming(async function* (session) {
    const users = session.find(User).orderBy((row) => row.id.asc())
    const stream = users
      .select((row) => ({ id: row.id, part: sql<number>`1 / (${row.id} - 9000)` }))
      .stream()
    for await (const { id } of stream) yield `${id}\n`
  })
  expect(await receive(served.port)).toMatchObject({ status: 200, isComplete: false })
  expect((await receive(served.port, { path: '/count' })).body).toBe(String(rows))
})
