import pg from 'pg'
import { expect, it } from 'vitest'
import { Database, type Session } from '../../../orm/index.ts'
import { watchClients } from '../../support/client-messages.ts'
import { connect, testDatabase } from '../../support/database.ts'
import { blog, Post, User } from '../../support/entities.ts'
import { startTlsPostgres } from '../../support/tls-postgres.ts'
import { application_name, type Paths, pathsOf } from './paths.ts'
import { seed } from './workloads.ts'

const { url, query } = await testDatabase(blog)
await query(seed)
const plain = await pathsOf({ connectionString: url })

it('writes each exchange at once', () => {
  const counts = (of: 'exchanges' | 'writes') =>
    Object.entries(plain).map(([name, sent]) => [name, sent[of]])
  expect(counts('writes')).toEqual(counts('exchanges'))
})

it('reads rows in binary', () => {
  const user = Array.from({ length: 7 }, () => 1)
  expect(plain['get by key']?.formats).toEqual([user])
  expect(plain['list 100']?.formats).toEqual([user])
  expect(plain['nested 50, 250, 750']?.formats).toEqual([user, [1, 1, 1, 1], [1, 1, 1]])
  // BEGIN and COMMIT have no rows, and an update has none that it needs.
  expect(plain['lock, insert, update, commit']?.formats).toEqual([[], user, [1], [], []])
})

it('sends the same with time limits', async () => {
  const timeouts = { acquire: 5000, statement: 30_000, transaction: 60_000 }
  expect(await pathsOf({ connectionString: url, timeouts })).toEqual(plain)
})

it('sends the same while N+1 patterns are detected', async () => {
  expect(await pathsOf({ connectionString: url, nPlusOne: 'detect' })).toEqual(plain)
})

it('sends the same through TLS', async () => {
  await using server = await startTlsPostgres()
  const { port } = new URL(server.url)
  const local = new Database({ connectionString: server.url, tables: blog })
  await local.createSchema()
  await local.close()
  await using client = await connect(server.url)
  await client.query(seed)
  const encrypted = new URL(server.url)
  encrypted.host = `localhost:${port}`
  const ssl = { ca: server.certificate }
  expect(await pathsOf({ connectionString: encrypted.href, ssl })).toEqual(plain)
})

it('sends the same on a pool that the application brings, and reads texts there', async () => {
  const pool = new pg.Pool({ connectionString: url, max: 1, application_name })
  const brought = await pathsOf({ pool })
  await pool.end()
  expect(asTexts(brought)).toEqual(asTexts(plain))
  const formats = Object.values(brought).flatMap((sent) => sent.formats)
  expect(formats.length).toBeGreaterThan(50)
  expect(formats.flat()).not.toContain(1)
})

/** The same, whatever formats the results have. */
function asTexts(paths: Paths): unknown {
  return Object.fromEntries(
    Object.entries(paths).map(([name, { formats, ...sent }]) => [
      name,
      { ...sent, results: formats.length },
    ]),
  )
}

it('sends the same statements in a transaction, and BEGIN together with the first one', async () => {
  using clients = watchClients(application_name)
  const database = new Database({ connectionString: url, application_name, max: 1 })
  const reads = async (session: Session): Promise<void> => {
    expect(await session.get(User, 1)).not.toBeNull()
    const posts = await session.find(Post).filter({ authorId: 1 }).toList()
    expect((await posts[0]?.author)?.id).toBe(1)
    expect(await session.get(User, 2)).not.toBeNull()
  }
  const inOne = () => database.run(reads, { transaction: true })
  const inNone = () => database.run(reads)
  for (let time = 0; time < 3; time += 1) for (const run of [inOne, inNone]) await run()
  clients.take()
  await inNone()
  const outside = clients.take()
  await inOne()
  const inside = clients.take()
  await database.close()
  expect(outside).toMatchObject({ exchanges: 3, writes: 3 })
  expect(inside).toEqual({
    exchanges: 4,
    writes: 4,
    texts: ['begin', ...outside.texts, 'commit'],
    formats: [[], ...outside.formats, []],
  })
  const isBinary = outside.formats.map((codes) => codes.length > 0 && !codes.includes(0))
  expect(isBinary).toEqual([true, true, true])
})

it('sends COMMIT by itself with a signal, so that what comes before it can be cancelled', async () => {
  using clients = watchClients(application_name)
  const database = new Database({ connectionString: url, application_name, max: 1 })
  const { signal } = new AbortController()
  const work = async (session: Session): Promise<void> => {
    const author = await session.getOrThrow(User, 1)
    author.age = (author.age ?? 0) + 1
  }
  const withNone = () => database.run(work)
  const withSignal = () => database.run(work, { signal })
  for (let time = 0; time < 3; time += 1) for (const run of [withNone, withSignal]) await run()
  clients.take()
  await withNone()
  const without = clients.take()
  await withSignal()
  const watched = clients.take()
  await database.close()
  expect(without).toMatchObject({ exchanges: 2, writes: 2 })
  expect(watched).toMatchObject({ exchanges: 3, writes: 3 })
  expect(watched.texts.slice(-1)).toEqual(['commit'])
  expect(watched.texts).toHaveLength(without.texts.length)
})
