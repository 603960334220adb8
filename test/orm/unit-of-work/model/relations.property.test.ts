import fc from 'fast-check'
import { expect, it } from 'vitest'
import { testDatabase } from '../../../support/database.ts'
import { operations } from './operations.ts'
import { Run, stored } from './run.ts'
import { tables } from './tables.ts'

const { database, query, truncate } = await testDatabase(tables)

it('whatever is added, changed, related, deleted, rolled back and nested: the rows and both sides are those of a plain model', async () => {
  await fc.assert(
    fc.asyncProperty(operations, async (given) => {
      await truncate()
      const committed = await database.run(async (session) => {
        const run = new Run(session)
        await run.all(given, 0)
        await run.check()
        await run.commit()
        return run.committed
      })
      expect((await stored(query)).sorted).toEqual(committed.sorted)
    }),
    { numRuns: 150 },
  )
})
