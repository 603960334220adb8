import { expect, it } from 'vitest'
import { date, Database, integer, table, timestamptz } from '../../../orm/index.ts'
import { testDatabase } from '../../support/database.ts'
import { coded } from '../../support/failure.ts'
import pg from 'pg'

class Day extends table('days', {
  id: integer().primaryKey(),
  at: timestamptz(),
  on: date(),
}) {}

const { url, query } = await testDatabase([Day])
const at = new Date('2024-02-29T12:30:00.250Z')

it.each(['German', 'SQL, DMY', 'Postgres, MDY'])(
  'reads and writes dates where the database has the DateStyle %s',
  async (style) => {
    const { pathname } = new URL(url)
    await query(`alter database "${pathname.slice(1)}" set datestyle to ${style}`)
    await query('delete from days')
    await using database = new Database({ connectionString: url })
    await database.run((session) => session.add(new Day({ id: 1, at, on: '2024-02-29' })))
    const [day] = await database.run((session) => session.find(Day).filter({ at }).toList())
    expect(day).toMatchObject({ at, on: '2024-02-29' })
  },
)

it('names the column and the row on a pool of the application that has another DateStyle', async () => {
  const pool = new pg.Pool({ connectionString: url, options: '-c datestyle=German' })
  await using database = new Database({ pool })
  const read = database.run((session) => session.find(Day).toList())
  await expect(read).rejects.toThrow(coded('DATA_BRIDGE_ERR_STATEMENT', 'the column at'))
  await expect(read).rejects.toThrow(/DateStyle.*Day with id the string "1"/s)
  await pool.end()
})
