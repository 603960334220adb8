import { join } from 'node:path'
import { describe } from 'vitest'
import { guard, measured } from '../../support/cost-guard.ts'
import { testDatabase } from '../../support/database.ts'
import { blog } from '../../support/entities.ts'
import { bounds } from './bounds.ts'
import { seed } from './workloads.ts'

const { url, query } = await testDatabase(blog)
await query(seed)
const costs = await measured(join(import.meta.dirname, 'measure.ts'), url)

describe('a session takes no more round trips, statements, promises and bytes than its bound', () => {
  guard(costs, bounds)
})
