import { beforeEach, describe, expect, it } from 'vitest'
import { integer, table, text } from '../../../orm/index.ts'
import { testDatabase } from '../../support/database.ts'
import { failure } from '../../support/failure.ts'

const columns = {
  id: integer().primaryKey(),
  slot: integer().unique().nullable(),
  note: text().nullable(),
}
class Counted extends table('counted', { ...columns, version: integer().version() }) {}
class ByXmin extends table('by_xmin', columns, { version: 'xmin' }) {}

const stored = await testDatabase([Counted, ByXmin])
const { database, query } = stored
beforeEach(() => stored.truncate())

describe.each([
  { Kind: Counted as unknown as typeof ByXmin, name: 'counted' },
  { Kind: ByXmin, name: 'by_xmin' },
])('rows of $name that exchange a unique value, so that one is updated twice', ({ Kind, name }) => {
  const exchange = (between: () => Promise<unknown>) =>
    database.run(async (session) => {
      const [first, second] = await session.getMany(Kind, [1, 2])
      await between()
      if (first === undefined || second === undefined) throw new Error('two')
      ;[first.slot, second.slot] = [second.slot, first.slot]
      await session.flush()
      first.note = 'mine'
      second.note = 'mine'
    })
  const rows = () => query(`select slot, note from ${name} order by id`)

  it('are written', async () => {
    await query(`insert into ${name} (id, slot) values (1, 10), (2, 20)`)
    await exchange(async () => undefined)
    expect(await rows()).toEqual([
      { slot: 20, note: 'mine' },
      { slot: 10, note: 'mine' },
    ])
  })

  it.each([1, 2])('are refused if others have changed row %i', async (id) => {
    await query(`insert into ${name} (id, slot) values (1, 10), (2, 20)`)
    const bump = name === 'counted' ? ', version = version + 1' : ''
    const change = exchange(() =>
      query(`update ${name} set note = 'theirs'${bump} where id = ${id}`),
    )
    await failure('DATA_BRIDGE_ERR_STALE', change)
    expect((await rows()).map(({ slot }) => slot)).toEqual([10, 20])
  })

  it('are refused as stale, and not for a value that a stale deletion does not free', async () => {
    await query(`insert into ${name} (id, slot) values (1, 10)`)
    const bump = name === 'counted' ? ', version = version + 1' : ''
    const replace = database.run(async (session) => {
      session.delete(await session.getOrThrow(Kind, 1))
      session.add(new Kind({ id: 2, slot: 10 }))
      await query(`update ${name} set note = 'theirs'${bump}`)
      await session.flush()
    })
    await failure('DATA_BRIDGE_ERR_STALE', replace)
    expect(await rows()).toEqual([{ slot: 10, note: 'theirs' }])
  })
})
