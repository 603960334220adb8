import pg from 'pg'
import { afterAll, describe, expect, it } from 'vitest'
import { startPostgres } from '../../../plugin/testing/index.ts'
import { PreparedNames } from '../../../orm/sql/prepared-names.ts'
import { type Compiled, StatementCache } from '../../../orm/sql/statement.ts'

const selecting = (text: string): Compiled => ({
  text,
  kind: 'read',
  summary: 'SELECT',
  tables: [],
})

/** The name of a statement at its second use. */
function nameOf(cache: StatementCache, text: string): string | undefined {
  cache.get(text, () => selecting(text))
  return cache.get(text, () => selecting(text)).name
}

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

/** The memory of a connection on which the named ones of these texts were prepared and planned, in MB. */
async function memoryOf(texts: Iterable<string>): Promise<{ megabytes: number; prepared: number }> {
  const client = new pg.Client(server.url)
  await client.connect()
  await client.query(`set plan_cache_mode = force_generic_plan`)
  await client.query(
    `create temporary table items (id int primary key, ${list(14, (index) => `column_${index} text`, ', ')})`,
  )
  const cache = new StatementCache(new PreparedNames())
  let prepared = 0
  for (const text of texts) {
    const name = nameOf(cache, text)
    if (name === undefined) continue
    prepared += 1
    const count = Math.max(...[...text.matchAll(/\$(\d+)/g)].map(([, place]) => Number(place)))
    await client.query({ name, text, values: Array.from({ length: count }, () => '1') })
  }
  const { rows } = await client.query<{ bytes: string }>(
    `select sum(total_bytes) as bytes from pg_backend_memory_contexts where name like 'CachedPlan%'`,
  )
  await client.end()
  return { megabytes: Number(rows[0]?.bytes) / 1e6, prepared }
}

function* numbered(make: (number: number) => string): Generator<string> {
  for (let number = 0; number < 1000; number += 1) yield make(number)
}

describe('the prepared statements of a connection', () => {
  const { 'a thousand conditions': large, ...others } = kinds

  it.each(Object.entries(others))('take a limited amount of memory: %s', async (_, make) => {
    const { megabytes, prepared } = await memoryOf(numbered(make))
    expect(megabytes).toBeLessThan(30)
    expect(prepared).toBeGreaterThan(20)
  })

  it('are none with a thousand conditions', async () => {
    expect(await memoryOf(numbered(large))).toEqual({ megabytes: 0, prepared: 0 })
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

describe('a name', () => {
  it('is given to some hundred small statements, and once to each text, however often it is compiled', () => {
    const names = new PreparedNames()
    const given = new Set<string | undefined>()
    for (let time = 0; time < 2; time += 1)
      for (const text of numbered(kinds['a row by key'])) given.add(names.of(text))
    expect(given.size).toBeGreaterThan(400)
    expect(given.size).toBeLessThan(1000)
    const [first = ''] = numbered(kinds['a row by key'])
    expect(names.of(first)).toMatch(/^data_bridge_[0-9a-f]{24}$/)
    expect(new StatementCache(names).get(first, () => selecting(first)).name).toBeUndefined()
  })

  it('is given to no large statement, and to small ones after many large ones', () => {
    const names = new PreparedNames()
    expect(names.of(kinds['a thousand conditions'](1))).toBeUndefined()
    for (const text of numbered(kinds['a hundred conditions'])) names.of(text)
    expect(names.of(kinds['a hundred conditions'](5000))).toBeUndefined()
    expect(names.of(kinds['a row by key'](1))).toBeDefined()
  })
})
