import { beforeAll, expect, it } from 'vitest'
import { pathsOf } from '../orm/guard/paths.ts'
import { seed } from '../orm/guard/workloads.ts'
import { testDatabase } from '../support/database.ts'
import { blog } from '../support/entities.ts'
import { startTracing, takeSpans } from './traced.ts'

const { url, query } = await testDatabase(blog)

beforeAll(startTracing)

it('a session that is traced sends the same as one that is not', async () => {
  await query(seed)
  const untraced = await pathsOf({ connectionString: url, tracing: false })
  expect(takeSpans()).toEqual([])
  const traced = await pathsOf({ connectionString: url, tracing: true, queryParameters: true })
  expect(takeSpans().length).toBeGreaterThan(100)
  expect(traced).toEqual(untraced)
})
