import { beforeEach, describe, expect, it } from 'vitest'
import { integer, type Session, table } from '../../../orm/index.ts'
import { testDatabase } from '../../support/database.ts'
import { coded } from '../../support/failure.ts'
import { expectIdle } from '../../plugin/serve.ts'

class Counted extends table('counted', {
  id: integer().primaryKey(),
  value: integer(),
  version: integer().version(),
}) {}
class ByXmin extends table(
  'by_xmin',
  { id: integer().primaryKey(), value: integer() },
  { version: 'xmin' },
) {}
class Parted extends table(
  'parted',
  { id: integer().primaryKey(), value: integer() },
  { version: 'xmin' },
) {}

const stored = await testDatabase([Counted, ByXmin], { max: 8 })
const { database, query } = stored
await query(`
  create table parted (id int not null, value int not null) partition by range (id);
  create table parted_1 partition of parted for values from (0) to (2);
  create table parted_2 partition of parted for values from (2) to (9)`)

const batches = 60
const kinds = [
  {
    version: 'a version column',
    Kind: Counted as unknown as typeof ByXmin,
    name: 'counted',
    times: 300,
  },
  { version: 'xmin', Kind: ByXmin, name: 'by_xmin', times: 300 },
  { version: 'xmin of partitions', Kind: Parted, name: 'parted', times: 60 },
]

describe.each(kinds)('increments at the same time, with $version', ({ Kind, name, times }) => {
  beforeEach(async () => {
    await stored.truncate()
    await query(`insert into ${name} (id, value) values (1, 0), (2, 0), (3, 0)`)
  })

  /** Reads, adds one, and lets the commit write. */
  const addOne = async (session: Session, ids: readonly number[]): Promise<void> => {
    for (const row of await session.getMany(Kind, ids)) row.value += 1
  }
  const values = async (): Promise<number[]> =>
    (await query<{ value: number }>(`select value from ${name} order by id`)).map(
      ({ value }) => value,
    )
  const atOnce = (
    count: number,
    work: () => Promise<void>,
  ): Promise<PromiseSettledResult<void>[]> =>
    Promise.allSettled(Array.from({ length: count }, work))

  it('all succeed with retries', async () => {
    const ends = await atOnce(times, () =>
      database.transaction((session) => addOne(session, [1]), { retries: 300 }),
    )
    expect(ends.filter(({ status }) => status === 'rejected')).toEqual([])
    expect(await values()).toEqual([times, 0, 0])
    await expectIdle(database, query)
  })

  it('of several rows all succeed with retries', async () => {
    const ends = await atOnce(batches, () =>
      database.transaction((session) => addOne(session, [3, 1, 2]), { retries: 300 }),
    )
    expect(ends.filter(({ status }) => status === 'rejected')).toEqual([])
    expect(await values()).toEqual([batches, batches, batches])
    await expectIdle(database, query)
  })

  it('are refused without retries, and none of them is lost', async () => {
    const ends = await atOnce(times, () => database.run((session) => addOne(session, [1])))
    const refused = ends.filter((end) => end.status === 'rejected')
    expect(refused.length).toBeGreaterThan(0)
    for (const { reason } of refused)
      expect(reason).toEqual(coded('DATA_BRIDGE_ERR_STALE', `1 row of ${Kind.name} was changed`))
    expect(await values()).toEqual([times - refused.length, 0, 0])
  })

  it('are refused in a batch as a whole', async () => {
    const ends = await atOnce(batches, () => database.run((session) => addOne(session, [1, 2, 3])))
    const refused = ends.filter((end) => end.status === 'rejected').length
    expect(refused).toBeGreaterThan(0)
    const left = batches - refused
    expect(await values()).toEqual([left, left, left])
  })
})

it('a retry begins with an empty identity map, and with the row that others have left', async () => {
  await stored.truncate()
  await query('insert into counted (id, value) values (1, 10)')
  const seen: (readonly [Counted, number])[] = []
  await using session = database.session()
  await session.transaction(
    async () => {
      const row = await session.getOrThrow(Counted, 1)
      seen.push([row, row.value])
      if (seen.length === 1) await query('update counted set value = 20, version = version + 1')
      row.value += 1
    },
    { retries: 1 },
  )
  expect(seen.map(([, value]) => value)).toEqual([10, 20])
  expect(seen[0]?.[0]).not.toBe(seen[1]?.[0])
  expect(await query('select value, version from counted')).toEqual([{ value: 21, version: 3 }])
})
