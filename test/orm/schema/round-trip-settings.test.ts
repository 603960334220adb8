import { afterEach, describe, expect, it } from 'vitest'
import { Session, sql } from '../../../orm/index.ts'
import { testDatabase } from '../../support/database.ts'
import { coded } from '../../support/failure.ts'
import { columnsOf, optional, samePoints, type TypeName, typeNames, Wide } from './every-type.ts'
import { hostile, plainValues } from './hostile-values.ts'

const { truncate, query, url } = await testDatabase([Wide])

expect.addEqualityTesters([samePoints])

/** A session on a server with other settings. */
function sessionWith(settings: Readonly<Record<string, string>>): Session {
  const options = Object.entries(settings).map(([name, value]) => `-c ${name}=${value}`)
  return new Session(`${url}?options=${encodeURIComponent(options.join(' '))}`)
}

type Values = Record<string, unknown>

/** Rows with a value of each type. */
function rowsOf(names: readonly TypeName[]): Values[] {
  const count = Math.max(...names.map((name) => hostile[name].length))
  return Array.from({ length: count }, (_, row) =>
    Object.fromEntries(
      names.map((name) => [optional(name), hostile[name][row % hostile[name].length]]),
    ),
  )
}

async function write(session: Session, rows: readonly Values[]): Promise<Wide[]> {
  const entities = rows.map((values) => new Wide({ ...plainValues(), ...values }))
  session.add(entities)
  await session.flush()
  const { queryCount } = session.stats
  await session.flush()
  expect(session.stats.queryCount).toBe(queryCount)
  await session.commit()
  return entities
}

const read = (session: Session): Promise<Wide[]> =>
  session
    .find(Wide)
    .orderBy(({ id }) => id.asc())
    .toList()

const zone = process.env['TZ']
afterEach(async () => {
  if (zone === undefined) delete process.env['TZ']
  else process.env['TZ'] = zone
  await truncate()
})

const zones = [
  'UTC',
  'Europe/Amsterdam',
  'America/St_Johns',
  'Asia/Kathmandu',
  'Pacific/Apia',
  'Africa/Monrovia',
]

describe('times do not depend on the time zones', () => {
  const timed = typeNames.filter((name) => /time|date|millis|micros|infinite|instants/.test(name))
  const rows = rowsOf(timed)

  it.each(zones.flatMap((process) => zones.map((server) => [process, server] as const)))(
    'of the process, %s, and of the server, %s',
    async (local, server) => {
      process.env['TZ'] = local
      await using session = sessionWith({ TimeZone: server })
      const [shown] = await session.execute<{ zone: string }>(
        sql`select current_setting('TimeZone') as zone`,
      )
      expect([shown?.zone, new Date(0).getTimezoneOffset() === 0]).toEqual([
        server,
        local === 'UTC',
      ])
      await write(session, rows)
      process.env['TZ'] = 'Asia/Tokyo'
      await using other = sessionWith({ TimeZone: 'Asia/Tokyo' })
      const entities = await read(other)
      expect(entities.map((entity) => columnsOf(entity))).toMatchObject(rows)
      const at = new Date('2024-10-27T01:30:00.000Z')
      for (const name of ['maybeMillis', 'maybeTimestamp', 'maybeInfinite'] as const) {
        const found = await session
          .find(Wide)
          .filter((row) => row[name].in([at]))
          .toList()
        expect(found.map((row) => row[name])).toEqual(found.map(() => at))
        expect(found).not.toEqual([])
      }
    },
  )
})

describe('settings of the server', () => {
  const rows = rowsOf(typeNames.filter((name) => name !== 'interval'))

  it.each([
    { DateStyle: 'German' },
    { DateStyle: 'SQL,DMY' },
    { IntervalStyle: 'iso_8601' },
    { extra_float_digits: '3' },
    { client_encoding: 'LATIN1' },
    { lc_numeric: 'C', xmloption: 'document', array_nulls: 'on' },
    { standard_conforming_strings: 'on', quote_all_identifiers: 'on' },
  ])('%j', async (settings) => {
    await using session = sessionWith(settings)
    await write(session, rows)
    await using other = sessionWith(settings)
    const entities = await read(other)
    expect(entities.map((entity) => columnsOf(entity))).toMatchObject(rows)
    await other.flush()
  })

  it.each(['postgres', 'postgres_verbose', 'sql_standard', 'iso_8601'])(
    'IntervalStyle %s: intervals are read as PostgreSQL writes them, and mean the same',
    async (IntervalStyle) => {
      await using session = sessionWith({ IntervalStyle })
      const intervals = rowsOf(['interval'])
      const entities = await write(session, [...intervals, { maybeInterval: '90 minutes' }])
      const texts = entities.map(({ maybeInterval }) => maybeInterval)
      expect(texts.at(-1)).toBe(
        { postgres: '01:30:00', postgres_verbose: '@ 1 hour 30 mins', sql_standard: '1:30:00' }[
          IntervalStyle
        ] ?? 'PT1H30M',
      )
      await using other = sessionWith({ IntervalStyle })
      const found = await read(other)
      expect(found.map(({ maybeInterval }) => maybeInterval)).toEqual(texts)
      for (const row of found) row.interval = row.maybeInterval ?? ''
      await other.commit()
      expect(
        await query('select from wide where interval is distinct from maybe_interval'),
      ).toEqual([])
      expect(await query(`select maybe_interval::text as text from wide order by id`)).toEqual(
        [...hostile.interval, '01:30:00'].map((text) => ({ text })),
      )
    },
  )

  it.each([['bytes'], ['blobs']] as const)(
    'bytea_output = escape is an error that says what to set: %s',
    async (name) => {
      const [row] = rowsOf([name]).slice(-1)
      await using session = sessionWith({ bytea_output: 'hex' })
      await write(session, [row as Values])
      await using other = sessionWith({ bytea_output: 'escape' })
      await expect(read(other)).rejects.toThrow(
        coded('DATA_BRIDGE_ERR_STATEMENT', 'set bytea_output to hex'),
      )
    },
  )
})
