import Fastify, { type LightMyRequestResponse } from 'fastify'
import { expect, expectTypeOf, test } from 'vitest'
import type { Database, Finding } from '../../orm/index.ts'
import {
  expectConstantQueries,
  expectFindings,
  injectWithDb,
  type QueryRecord,
  queryMatchers,
  recordQueries,
  templateDatabase,
  testDatabase,
} from '../../plugin/testing/index.ts'
import type {} from '../../plugin/testing/vitest.ts'

test('records', async () => {
  const app = Fastify({ http2: true })
  expectTypeOf(await injectWithDb(Fastify({ logger: true }), '/')).toEqualTypeOf<{
    readonly response: LightMyRequestResponse
    readonly db: QueryRecord
  }>()
  void injectWithDb(app, { method: 'GET', url: '/' })
  // @ts-expect-error no application
  void injectWithDb({}, '/')
  expectTypeOf(await recordQueries(() => 1)).toEqualTypeOf<QueryRecord>()
  const db = await recordQueries(async () => {})
  expectTypeOf(db.findings).toEqualTypeOf<readonly Finding[]>()
  // @ts-expect-error a record does not change
  db.queryCount = 1
  // @ts-expect-error nor do its statements
  db.statements.push(db.statements[0])
})

test('helpers', async () => {
  expectTypeOf(await expectFindings(() => {})).toEqualTypeOf<readonly Finding[]>()
  const records = await expectConstantQueries({ populate: (rows: number) => rows }, () => {})
  expectTypeOf(records).toEqualTypeOf<readonly QueryRecord[]>()
  // @ts-expect-error something has to make the rows
  void expectConstantQueries({}, () => {})
  const template = await templateDatabase('', (database) => {
    expectTypeOf(database).toEqualTypeOf<Database>()
  })
  expectTypeOf((await testDatabase(template.source)).url).toEqualTypeOf<string>()
})

test('matchers', async () => {
  const db = await recordQueries(() => {})
  expectTypeOf(queryMatchers.toHaveNoNPlusOne(db).pass).toEqualTypeOf<boolean>()
  expectTypeOf(expect(db).toHaveNoNPlusOne()).toEqualTypeOf<void>()
  expect(db).not.toHaveNoNPlusOne()
  expect(db).toHaveQueryCount(2)
  expect(db).toHaveQueryCount({ total: 2, select: 1, insert: 1, update: 0, delete: 0, write: 1 })
  expect(db).toHaveQueryCountAtMost(2)
  expect(db).toHaveNoImplicitLoads()
  expect(db).toHaveNoImplicitLoads({ except: ['User.avatar'] })
  expect(db).toMatchQuerySnapshot()
  // @ts-expect-error no such kind
  expect(db).toHaveQueryCount({ selects: 2 })
  // @ts-expect-error no number
  expect(db).toHaveQueryCountAtMost('2')
  // @ts-expect-error a list
  expect(db).toHaveNoImplicitLoads({ except: 'User.avatar' })
})
