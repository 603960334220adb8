import { context, trace } from '@opentelemetry/api'
import { expect, it } from 'vitest'
import { sql } from '../../orm/index.ts'
import { testDatabase } from '../support/database.ts'
import { startTracing, takeSpans } from './traced.ts'

startTracing()
const { database } = await testDatabase()

it('a transaction that is made again is an event of the span that it happens in, for each attempt', async () => {
  const span = trace.getTracer('test').startSpan('job')
  let attempts = 0
  await context.with(trace.setSpan(context.active(), span), () =>
    database.transaction(
      async (session) => {
        attempts += 1
        if (attempts > 2) return
        await session.execute(sql`do $$ begin raise exception using errcode = '40001'; end $$`)
      },
      { retries: 3 },
    ),
  )
  span.end()
  const job = takeSpans().find(({ name }) => name === 'job')
  expect(job?.events.map(({ name, attributes }) => ({ name, ...attributes }))).toEqual(
    [1, 2].map((attempt) =>
      expect.objectContaining({
        name: 'db.transaction.retry',
        'db.transaction.attempt': attempt,
        'error.type': '40001',
      }),
    ),
  )
})
