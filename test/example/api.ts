import assert from 'node:assert/strict'
import supertest from 'supertest'
import { afterAll, afterEach } from 'vitest'
import { buildApp } from '../../example-api/app.ts'
import { openDatabase } from '../../example-api/database.ts'
import { testDatabase } from '../support/database.ts'
import { busyConnections, exampleSchema } from './support.ts'

/** The largest id that a path takes, and that no row has. */
export const largest = 2_147_483_647

export interface ExampleApi {
  readonly url: string
  http(): ReturnType<typeof supertest>
  query(text: string, values?: readonly unknown[]): Promise<Record<string, unknown>[]>
  /** What is really stored. */
  rows(table: string, id: number): Promise<object[]>
  count(table: string): Promise<unknown>
  postsOf(authorId: number): Promise<number>
}

/** The example on a port and a database of its own, which no test leaves in a transaction. */
export async function exampleApi(): Promise<ExampleApi> {
  const server = await testDatabase()
  const stack = new AsyncDisposableStack()
  afterAll(() => stack.disposeAsync())
  const { database } = stack.use(
    await openDatabase({ databaseUrl: server.url, schema: exampleSchema }),
  )
  const app = stack.adopt(await buildApp({ database }), (made) => made.close())
  await app.listen({ port: 0 })
  afterEach(async () => {
    assert.deepEqual(await busyConnections(server), [])
  })
  return {
    url: server.url,
    http: () => supertest(app.server),
    query: (text, values) => server.query(text, values),
    rows: (table, id) =>
      server.query(`select * from ${exampleSchema}.${table} where id = $1`, [id]),
    async count(table) {
      const [row] = await server.query(`select count(*)::int from ${exampleSchema}.${table}`)
      return row?.['count']
    },
    async postsOf(authorId) {
      const posts = `select id from ${exampleSchema}.posts where author_id = $1`
      const found = await server.query(posts, [authorId])
      return found.length
    },
  }
}

export async function status(request: supertest.Test): Promise<number> {
  const response = await request
  return response.status
}

/** What an error's text tells of SQL, of the schema, or of the values that were sent. */
export function details(text: string, sent: Record<string, unknown> = {}): string[] {
  const names =
    /select|insert|update|returning|\bfrom\b|unnest|\$\d|users|posts|comments|tags|email|author|title/gi
  const constraints = /\w+_(?:key|fkey|pkey|id)\b/g
  const values = Object.values(sent).map(String)
  return [
    ...(text.match(names) ?? []),
    ...(text.match(constraints) ?? []),
    ...values.filter((value) => text.includes(value)),
  ]
}
