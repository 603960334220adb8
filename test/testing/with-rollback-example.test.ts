import { expect, it, onTestFinished } from 'vitest'
import { buildApp } from '../../example-api/app.ts'
import { openDatabase } from '../../example-api/database.ts'
import { withRollback } from '../../plugin/testing/index.ts'
import { exampleSchema } from '../example/support.ts'
import { testDatabase } from '../support/database.ts'

const requests = [
  ['GET', '/posts?limit=3&lazy=true', 200],
  ['GET', '/users?include=posts.comments', 200],
  ['POST', '/users', 201, { name: 'New', email: 'new@example.com' }],
  ['POST', '/users', 409, { name: 'New', email: 'new@example.com' }],
  ['POST', '/users', 400, { name: 'New' }],
  ['PATCH', '/users/1', 200, { age: 44 }],
  ['POST', '/posts', 201, { authorId: 1, title: 'New', tags: ['new', 'tags'] }],
  ['POST', '/posts', 409, { authorId: 999_999, title: 'New', tags: ['lost'] }],
  ['DELETE', '/posts/1', 204],
  ['DELETE', '/posts/1', 404],
  ['POST', '/transfer-posts', 200, { from: 2, to: 3 }],
  ['POST', '/transfer-posts', 500, { from: 4, to: 5, failAfter: true }],
  ['GET', '/users/4/posts', 200],
  ['GET', '/stats', 200],
] as const

it('withRollback leaves all tables of the example as they are', async () => {
  const server = await testDatabase()
  const opened = await openDatabase({ databaseUrl: server.url, schema: exampleSchema })
  const app = await buildApp({ database: opened.database, headers: true })
  onTestFinished(async () => {
    await app.close()
    await opened[Symbol.asyncDispose]()
  })
  const rows = async (): Promise<object> => {
    const tables = await server.query<{ name: string }>(
      'select tablename as name from pg_tables where schemaname = $1 order by 1',
      [exampleSchema],
    )
    const all = tables.map(async ({ name }) => [
      name,
      await server.query(`select * from ${exampleSchema}.${name} as t order by t::text`),
    ])
    return Object.fromEntries(await Promise.all(all)) as object
  }
  const before = await rows()
  expect(Object.keys(before)).toHaveLength(5)

  const answers = async (): Promise<object[]> => {
    const answered: object[] = []
    for (const [method, url, expected, payload] of requests) {
      const { statusCode, headers } = await app.inject({ method, url, ...(payload && { payload }) })
      expect(`${method} ${url} ${statusCode}`).toBe(`${method} ${url} ${expected}`)
      answered.push({ url, statements: headers['x-db-query-count'] })
    }
    return answered
  }
  const inside = await withRollback(app, answers)
  expect(await rows()).toEqual(before)
  expect(await withRollback(app, answers)).toEqual(inside)
  expect(await rows()).toEqual(before)
  // Outside, the same requests send the same statements, and change the tables.
  expect(await answers()).toEqual(inside)
  expect(await rows()).not.toEqual(before)
})
