import pg, { type PoolClient } from 'pg'
import { afterAll, describe, expect, it } from 'vitest'
import { Lane } from '../../../../orm/driver/lane/lane.ts'
import { preparedName } from '../../../../orm/sql/prepared-name.ts'
import { startPostgres } from '../../../../plugin/testing/index.ts'

const list = (count: number, item: (index: number) => string, separator: string): string =>
  Array.from({ length: count }, (_, index) => item(index)).join(separator)

const columns = list(14, (index) => `"t0"."column_${index}"`, ', ')
const from = `select ${columns} from "items" as "t0"`

/** Texts of one kind; each number gives another text. */
const kinds = {
  'a row by key': (number) => `${from} where "t0"."id" = $1 and ${number} = ${number}`,
  'an update by key': (number) =>
    `update "items" set ${list(14, (index) => `"column_${index}" = $${index + 2}`, ', ')} where "id" = $1 and ${number} = ${number}`,
  'fifty conditions': (number) => conditions(50, number),
  'a hundred conditions': (number) => conditions(100, number),
  joins: (number) =>
    `${from} ${list(5, (index) => `left join "items" as "t0_${index}" on "t0_${index}"."id" = "t0"."id"`, ' ')} where ${list(5, (index) => `"t0_${index}"."column_1" = $${index + 1}`, ' and ')} and ${number} = ${number}`,
  'sub-queries': (number) =>
    `${from} where ${list(10, (index) => `exists (select 1 from "items" as "t1" where "t1"."id" = "t0"."id" and "t1"."column_${index}" = $${index + 1})`, ' and ')} and ${number} = ${number}`,
  'a thousand conditions': (number) => conditions(1000, number),
} satisfies Record<string, (number: number) => string>

function conditions(count: number, number: number): string {
  const all = list(count, (index) => `"t0"."column_${index % 14}" = $${index + 1}`, ' or ')
  return `${from} where (${all}) and ${number} = ${number}`
}

const server = await startPostgres()
afterAll(() => server.stop())

/** The memory of a connection on which these texts were prepared and planned, in MB. */
async function memoryOf(texts: Iterable<string>): Promise<{ megabytes: number; prepared: number }> {
  const client = new pg.Client(server.url)
  await client.connect()
  await client.query(`set plan_cache_mode = force_generic_plan`)
  await client.query(
    `create temporary table items (id int primary key, ${list(14, (index) => `column_${index} text`, ', ')})`,
  )
  const lane = Lane.of(client as unknown as PoolClient)
  for (const text of texts) {
    const count = Math.max(...[...text.matchAll(/\$(\d+)/g)].map(([, place]) => Number(place)))
    const parameters = Array.from({ length: count }, () => '1')
    const failure = await new Promise((ended) =>
      lane.send([{ text, name: preparedName(text), parameters }], ended),
    )
    expect(failure).toBeUndefined()
  }
  const { rows } = await client.query<{ bytes: string; prepared: string }>(
    `select coalesce(sum(total_bytes), 0) as bytes, (select count(*) from pg_prepared_statements) as prepared
     from pg_backend_memory_contexts where name like 'CachedPlan%'`,
  )
  await client.end()
  return { megabytes: Number(rows[0]?.bytes) / 1e6, prepared: Number(rows[0]?.prepared) }
}

/** More than a connection keeps of any kind. Of large ones it keeps none, so that a few show it. */
function* numbered(make: (number: number) => string): Generator<string> {
  const count = make === kinds['a thousand conditions'] ? 30 : 700
  for (let number = 0; number < count; number += 1) yield make(number)
}

describe('the prepared statements of a connection', () => {
  const { 'a thousand conditions': large, ...others } = kinds

  it.each(Object.entries(others))('take a limited amount of memory: %s', async (_, make) => {
    const { megabytes, prepared } = await memoryOf(numbered(make))
    expect(megabytes).toBeLessThan(30)
    expect(prepared).toBeGreaterThan(20)
  })

  it('are none with a thousand conditions', async () => {
    expect(await memoryOf(numbered(large))).toMatchObject({ prepared: 0 })
  })

  it('take a limited amount of memory: some of each, large ones first', async () => {
    const texts = Object.values(kinds)
      .toReversed()
      .flatMap((make) => [...numbered(make)])
    const { megabytes, prepared } = await memoryOf(texts)
    expect(megabytes).toBeGreaterThan(5)
    expect(megabytes).toBeLessThan(30)
    expect(prepared).toBeGreaterThan(100)
  })
})

it('keeps what is used, and closes what is not', async () => {
  const client = new pg.Client(server.url)
  await client.connect()
  const lane = Lane.of(client as unknown as PoolClient)
  const send = (text: string): Promise<unknown> =>
    new Promise((ended) => lane.send([{ text, name: preparedName(text), parameters: [] }], ended))
  for (let number = 0; number < 2000; number += 1) {
    expect(await send(`select ${number}`)).toBeUndefined()
    await send('select 0')
  }
  const { rows } = await client.query<{ statement: string }>(
    'select statement from pg_prepared_statements',
  )
  const texts = rows.map(({ statement }) => statement)
  expect(texts).toContain('select 0')
  expect(texts).toContain('select 1999')
  expect(texts).not.toContain('select 1')
  expect(texts.length).toBeGreaterThan(400)
  expect(texts.length).toBeLessThan(1000)
  await client.end()
})

describe('a name', () => {
  it('is always the same, and given to no large statement', () => {
    const text = kinds['a row by key'](1)
    expect(preparedName(text)).toMatch(/^data_bridge_[0-9a-f]{24}$/)
    expect(preparedName(text)).toBe(preparedName(text))
    expect(preparedName(kinds['a row by key'](2))).not.toBe(preparedName(text))
    expect(preparedName(kinds['a thousand conditions'](1))).toBeUndefined()
  })
})
