import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { testDatabase } from '../../support/database.ts'
import { blog } from '../../support/entities.ts'
import { measuredOld, mostOld } from '../../support/survivors.ts'
import { seed } from './workloads.ts'

const { url, query } = await testDatabase(blog)
await query(seed)
const bytes = await measuredOld(join(import.meta.dirname, 'measure-old.ts'), url, 4)

describe('what a session has made is collected with the young generation', () => {
  it.each(Object.keys(bytes))('%s', (name) => {
    expect(bytes[name]).toBeLessThan(mostOld)
  })

  it('is measured', () => {
    expect(Object.keys(bytes)).toHaveLength(3)
  })
})
