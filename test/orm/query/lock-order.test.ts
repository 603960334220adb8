import { expect, it } from 'vitest'
import { testDatabase } from '../../support/database.ts'
import { blog, user, User } from '../../support/entities.ts'

const { database, query } = await testDatabase(blog)

it('sessions that lock several rows with one query, in the order of their keys, never deadlock', async () => {
  await database.run((session) =>
    session.add(['ann', 'bob', 'cid'].map((name) => user(name, { age: 0 }))),
  )
  const lists = [
    [1, 2, 3],
    [3, 2, 1],
    [2, 3],
    [3, 1],
  ]
  const count = (ids: readonly number[]): Promise<void> =>
    database.run(async (session) => {
      const locked = await session
        .find(User)
        .filter({ id: ids })
        .orderBy((row) => row.id.asc())
        .forUpdate()
        .toList()
      for (const each of locked) each.age = (each.age ?? 0) + 1
    })
  await Promise.all(Array.from({ length: 40 }, (_, n) => count(lists[n % 4] ?? [])))
  expect(await query('select age from users order by id')).toEqual([
    { age: 30 },
    { age: 30 },
    { age: 40 },
  ])
})
