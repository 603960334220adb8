import { join } from 'node:path'
import { describe } from 'vitest'
import { testDatabase } from '../../support/database.ts'
import { blog } from '../../support/entities.ts'
import { measuredBy } from '../../support/measuring-script.ts'
import { guardOld } from '../../support/survivors-guard.ts'
import { seed } from '../../orm/guard/workloads.ts'

const { url, query } = await testDatabase(blog)
await query(seed)
// It holds many more turns than run at the same time.
const youngMb = 16
const script = join(import.meta.dirname, 'measure-old.ts')
const bytes = await measuredBy<Record<string, number>>(script, url, youngMb)

describe('what a request has made is collected with the young generation', () => {
  guardOld(bytes, 2)
})
