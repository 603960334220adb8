import { beforeEach, describe, expect, it } from 'vitest'
import { array, integer, json, jsonb, table, text } from '../../../orm/index.ts'
import { testDatabase } from '../../support/database.ts'
import { coded } from '../../support/failure.ts'

interface Body {
  tx?: number
  seen?: boolean
  list?: unknown[]
}

class Doc extends table('docs', {
  id: integer().primaryKey().generated(),
  name: text().default(''),
  body: jsonb<Body>().nullable(),
  plain: json<Body>().nullable(),
  bodies: array(jsonb<Body>()).nullable(),
}) {}

const { database, query, truncate } = await testDatabase([Doc])

beforeEach(truncate)

const big = '{"tx": 18446744073709551615, "seen": false}'
const after = '{"tx": 18446744073709551615, "seen": true}'

const insert = (count: number) =>
  query(
    `insert into docs (body, plain, bodies)
     select $1::jsonb, $1::json, array[$1::jsonb, '{}'] from generate_series(1, $2)`,
    [big, count],
  )

const read = (column: string) =>
  query<{ text: string }>(`select ${column}::text as text from docs order by id`).then((rows) =>
    rows.map((row) => row.text),
  )

describe.each([1, 2, 100])('a large number that nobody touched, in %d rows', (count) => {
  it('keeps its digits in jsonb, json and arrays of them', async () => {
    await insert(count)
    await database.run(async (session) => {
      for (const doc of await session.find(Doc).toList()) {
        if (doc.body) doc.body.seen = true
        if (doc.plain) doc.plain.seen = true
        doc.bodies?.unshift({ seen: true })
      }
      await session.flush()
      const written = session.stats.queryCount
      await session.flush()
      expect(session.stats.queryCount).toBe(written)
    })
    const all = (value: string) => Array.from({ length: count }, () => value)
    expect(await read('body')).toEqual(all('{"tx": 18446744073709551615, "seen": true}'))
    expect(await read('plain')).toEqual(all('{"tx":18446744073709551615,"seen":true}'))
    expect(await read('to_json(bodies)')).toEqual(all(`[{"seen": true},${big},{}]`))
  })

  it('keeps its digits over two changes in one session', async () => {
    await insert(count)
    await database.run(async (session) => {
      const docs = await session.find(Doc).toList()
      for (const list of [[1], [1, 2]]) {
        for (const { body } of docs) if (body) Object.assign(body, { list, seen: true })
        await session.flush()
      }
    })
    for (const text of await read('body')) {
      expect(text).toContain('"tx": 18446744073709551615')
      expect(text).toContain('"list": [1, 2]')
    }
  })

  it('keeps its digits where a row changes other columns only', async () => {
    await insert(count)
    await database.run(async (session) => {
      const docs = await session
        .find(Doc)
        .orderBy((doc) => doc.id.asc())
        .toList()
      for (const doc of docs) doc.name = 'changed'
      if (docs[0]?.body) docs[0].body.seen = true
    })
    expect(await read('body')).toEqual([after, ...Array.from({ length: count - 1 }, () => big)])
  })
})

describe('a large number', () => {
  it('that the program sets is written as JavaScript has it', async () => {
    await insert(2)
    await database.run(async (session) => {
      for (const { body } of await session.find(Doc).toList()) if (body) body.tx = 2 ** 53
    })
    expect(await read('body')).toEqual(
      Array.from({ length: 2 }, () => '{"tx": 9007199254740992, "seen": false}'),
    )
  })

  it('that cannot be told from another one fails the flush, and writes nothing', async () => {
    await query(
      `insert into docs (body) values ('{"list": [18446744073709551615, 18446744073709551614]}')`,
    )
    const work = database.run(async (session) => {
      ;(await session.find(Doc).one()).body?.list?.shift()
    })
    await expect(work).rejects.toThrow(
      coded('DATA_BRIDGE_ERR_FLUSH', 'the column body has several'),
    )
    expect(await read('body')).toEqual(['{"list": [18446744073709551615, 18446744073709551614]}'])
  })

  it('beyond every JavaScript number is kept too', async () => {
    await query(`insert into docs (plain) values ('{"tx":1e400,"seen":false}')`)
    await database.run(async (session) => {
      const { plain } = await session.find(Doc).one()
      if (plain) plain.seen = true
    })
    expect(await read('plain')).toEqual(['{"tx":1e400,"seen":true}'])
  })
})

it.each([1, 2])('documents deeper than the stack are compared, in %d rows', async (count) => {
  const nested = `${'['.repeat(3500)}${']'.repeat(3500)}`
  await query(
    'insert into docs (body) select jsonb_build_object($1::text, $2::jsonb) from generate_series(1, $3)',
    ['list', nested, count],
  )
  await database.run(async (session) => {
    const docs = await session.find(Doc).toList()
    const { queryCount } = session.stats
    await session.flush()
    expect(session.stats.queryCount).toBe(queryCount)
    for (const { body } of docs) body?.list?.push(1)
    await session.flush()
    await session.flush()
    expect(session.stats.queryCount).toBe(queryCount + 1)
  })
  const [text] = await read('body')
  expect(text?.endsWith('], 1]}')).toBe(true)
})
