import { beforeEach, describe, expect, it } from 'vitest'
import { integer, table, text } from '../../../orm/index.ts'
import { testDatabase } from '../../support/database.ts'
import { coded, failure } from '../../support/failure.ts'

// In the database `part` is in the key too.
class Piece extends table('pieces', { id: integer().primaryKey(), note: text().nullable() }) {}

const { database, query } = await testDatabase()
await query('create table pieces (id int, part int default 1, note text, primary key (id, part))')
beforeEach(async () => {
  await query('delete from pieces')
  await query(`insert into pieces values (1, 1, 'x'), (2, 1, 'y'), (2, 2, 'z'), (3, 1, 'u')`)
})

const stored = () => query('select id, part, note from pieces order by id, part')
const SEVERAL = 'expected one row for each Piece, got several'

describe('a write that hits more rows than it has entities', () => {
  it.each([
    ['one entity', 1],
    ['several', 3],
  ])('fails before COMMIT: an update of %s', async (_, count) => {
    const before = await stored()
    const error = await failure('DATA_BRIDGE_ERR_FLUSH', () =>
      database.run(async (session) => {
        const pieces = await session
          .find(Piece)
          .filter({ id: [2, 1, 3].slice(0, count) })
          .toList()
        for (const piece of pieces) piece.note = 'changed'
      }),
    )
    expect(error.message).toContain(`UPDATE pieces ${SEVERAL}`)
    expect(error.statusCode).toBe(500)
    expect(await stored()).toEqual(before)
  })

  it.each([1, 3])('fails before COMMIT: a deletion of %i', async (count) => {
    const before = await stored()
    const error = await failure('DATA_BRIDGE_ERR_FLUSH', () =>
      database.run(async (session) => {
        session.delete(
          await session
            .find(Piece)
            .filter({ id: [2, 1, 3].slice(0, count) })
            .toList(),
        )
      }),
    )
    expect(error.message).toContain(`DELETE pieces ${SEVERAL}`)
    expect(await stored()).toEqual(before)
  })

  it('is not hidden by an entity without a row beside one with two', async () => {
    for (const change of ['update', 'delete'] as const) {
      await failure('DATA_BRIDGE_ERR_FLUSH', () =>
        database.run(async (session) => {
          const pieces = await session
            .find(Piece)
            .filter({ id: [1, 2] })
            .toList()
          await query('delete from pieces where id = 1')
          if (change === 'delete') session.delete(pieces)
          else for (const piece of pieces) piece.note = 'changed'
        }),
      )
      expect(await query('select note from pieces where id = 2 order by part')).toEqual([
        { note: 'y' },
        { note: 'z' },
      ])
    }
  })

  it('is left alone where each entity has its row', async () => {
    await database.run(async (session) => {
      const [first, third] = await session.getMany(Piece, [1, 3])
      if (first) first.note = 'changed'
      if (third) session.delete(third)
    })
    expect((await stored()).map(({ note }) => note)).toEqual(['changed', 'y', 'z'])
  })

  it('is like a get() of several rows, which takes none of them for the entity', async () => {
    const several = coded('DATA_BRIDGE_ERR_MULTIPLE_ROWS')
    await expect(database.run((session) => session.get(Piece, 2))).rejects.toThrow(several)
    await expect(database.run((session) => session.getMany(Piece, [1, 2]))).rejects.toThrow(several)
  })
})
