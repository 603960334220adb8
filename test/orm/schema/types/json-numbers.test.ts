import fc from 'fast-check'
import { afterAll, describe, expect, inject, it } from 'vitest'
import { arrayType } from '../../../../orm/schema/types/arrays.ts'
import { jsonbType, jsonType } from '../../../../orm/schema/types/json.ts'
import { UnwritableError } from '../../../../orm/schema/types/unreadable.ts'
import { connect } from '../../../support/database.ts'

const client = await connect(inject('databaseUrl'))
afterAll(() => client.end())

/** What is written of a stored document after the program has changed it. */
function changed<T>(stored: string, change: (document: T) => unknown, type = jsonType): string {
  const document = type.decode(stored) as T
  const result = change(document)
  const value = result === undefined ? document : result
  expect(type.accepts(value)).toBe(true)
  return type.encodeChange?.(value as never, stored) ?? ''
}

interface Any {
  [key: string]: any
}

describe('numbers that nobody touched keep their digits', () => {
  it.each<[string, string, (document: any) => unknown, string]>([
    [
      'beside a changed key',
      '{"tx": 18446744073709551615, "seen": false}',
      (document) => {
        document.seen = true
      },
      '{"tx":18446744073709551615,"seen":true}',
    ],
    [
      'in a new object',
      '{"tx": 18446744073709551615, "in": {"n": 1e400}}',
      (document) => ({ ...document, in: { ...document.in, more: 1 } }),
      '{"tx":18446744073709551615,"in":{"n":1e400,"more":1}}',
    ],
    [
      'of every form',
      '[18446744073709551615, 1e400, -1e400, 0.1000000000000000055, -0, 1.0, 1e2, 12.50, 3]',
      (document) => {
        document.push(4)
      },
      '[18446744073709551615,1e400,-1e400,0.1000000000000000055,-0,1.0,1e2,12.50,3,4]',
    ],
    [
      'in an array that was spliced',
      '[1.0, 18446744073709551615, 2.0, {"n": 12345678901234567890}, 1e400]',
      (document) => {
        document.splice(2, 1, 'a', 'b')
      },
      '[1.0,18446744073709551615,"a","b",{"n":12345678901234567890},1e400]',
    ],
    [
      'in an array that was turned around',
      '[18446744073709551615, {"n": 12345678901234567890}, 3]',
      (document) => document.toReversed(),
      '[3,{"n":12345678901234567890},18446744073709551615]',
    ],
    [
      'under another key',
      '{"a": 18446744073709551615}',
      (document) => ({ b: [document.a] }),
      '{"b":[18446744073709551615]}',
    ],
    [
      'beside one that looks alike, in objects',
      '{"a": 1234567890123456789, "b": 1234567890123456790, "c": 0}',
      (document) => {
        document.c = 1
        delete document.a
      },
      '{"b":1234567890123456790,"c":1}',
    ],
    [
      'beside one that looks alike, in a list of which one item was changed',
      '[{"id": 1234567890123456789, "paid": false}, {"id": 1234567890123456790, "paid": false}]',
      (document) => {
        document[1].paid = true
      },
      '[{"id":1234567890123456789,"paid":false},{"id":1234567890123456790,"paid":true}]',
    ],
    [
      'where the program wrote others',
      '{"a": 18446744073709551615, "b": 1.0}',
      (document) => {
        document.a = 5
        document.b = 2
      },
      '{"a":5,"b":2}',
    ],
    [
      'beside a toJSON, and undefined',
      '{"a": 18446744073709551615, "at": null}',
      (document) => {
        document.at = new Date(0)
        document.none = undefined
      },
      '{"a":18446744073709551615,"at":"1970-01-01T00:00:00.000Z"}',
    ],
    [
      'under a key named __proto__',
      '{"__proto__": {"n": 18446744073709551615}, "a": 1}',
      (document) => {
        document.a = 2
      },
      '{"__proto__":{"n":18446744073709551615},"a":2}',
    ],
  ])('%s', (_, stored, change, expected) => {
    expect(changed(stored, change)).toBe(expected)
  })

  it('leaves a document without them to JSON.stringify', () => {
    const stored = '{"a": 1.5, "b": "18446744073709551615 and 1.0"}'
    expect(changed<Any>(stored, (document) => ({ ...document, c: 1 }))).toBe(
      '{"a":1.5,"b":"18446744073709551615 and 1.0","c":1}',
    )
  })

  it('does not take zero for a number that is rounded to it', () => {
    const stored = '{"tiny": 1e-400}'
    expect(changed<Any>(stored, (document) => ({ ...document, zero: 0 }))).toBe(
      '{"tiny":1e-400,"zero":0}',
    )
  })
})

describe('a number that cannot be told from another one is refused with its path', () => {
  const pair = '[{"id": 1234567890123456789, "n": 1}, {"id": 1234567890123456790, "n": 2}]'

  it.each<[string, string, (document: any) => unknown, string]>([
    ['in a list that was turned around', pair, (list) => list.toReversed(), '$[0].id'],
    ['in a list that was cut', pair, (list) => list.slice(1), '$[0].id'],
    [
      'in a list of which one went and another came',
      pair.replace('2}', '1}'),
      (list) => [list[1], {}],
      '$[0].id',
    ],
    [
      'under another key',
      '{"a b": {"x": 1234567890123456789, "y": 1234567890123456790}}',
      (document) => ({ 'a b': { z: document['a b'].x } }),
      '$["a b"].z',
    ],
    ['beside an exact one', '[0.1, 0.1000000000000000055, 1]', (list) => list.slice(1), '$[0]'],
  ])('%s', (_, stored, change, path) => {
    expect(() => changed(stored, change)).toThrow(
      expect.objectContaining({
        code: 'DATA_BRIDGE_ERR_FLUSH',
        message: expect.stringContaining(`the one at ${path},`),
      }),
    )
  })

  it('and Infinity is refused where no stored number is that large', () => {
    expect(() => jsonbType.encode({ a: Infinity } as never)).toThrow(UnwritableError)
    expect(() => changed<Any>('{"n": 1.0}', (document) => ({ ...document, a: -Infinity }))).toThrow(
      'got -Infinity at $.a',
    )
  })
})

describe('arrays of documents', () => {
  const list = arrayType(jsonbType, true)

  it('keep them too, where items move', () => {
    const stored = '{"{\\"n\\": 18446744073709551615}",NULL,"[1.0]"}'
    expect(changed<unknown[]>(stored, (items) => [{ a: 1 }, ...items], list)).toBe(
      '{"{\\"a\\":1}","{\\"n\\":18446744073709551615}",NULL,[1.0]}'.replace('[1.0]', '"[1.0]"'),
    )
  })

  it('of several dimensions', () => {
    const stored = '{{18446744073709551615,1},{2,3}}'
    const table = arrayType(list, false)
    expect(changed<unknown[][]>(stored, (rows) => [rows[1], rows[0]], table)).toBe(
      '{{2,3},{18446744073709551615,1}}',
    )
  })
})

it('agrees with PostgreSQL: what was not changed is the same jsonb', async () => {
  const exotic = fc.constantFrom(
    '18446744073709551615',
    '12345678901234567890',
    '1e400',
    '-1e300',
    '0.1000000000000000055',
    '1.0',
    '1.50',
    '-0.0',
    '7',
    '"1.0"',
    'null',
  )
  const { tree } = fc.letrec<{ tree: string; list: string; object: string }>((tie) => ({
    tree: fc.oneof({ maxDepth: 4, withCrossShrink: true }, exotic, tie('list'), tie('object')),
    list: fc.array(tie('tree'), { maxLength: 4 }).map((items) => `[${items.join(',')}]`),
    object: fc
      .dictionary(fc.constantFrom('a', 'b', 'c d', '__proto__'), tie('tree'), {
        noNullPrototype: true,
      })
      .map(
        (entries) =>
          `{${Object.entries(entries)
            .map(([key, item]) => `${JSON.stringify(key)}:${item}`)
            .join(',')}}`,
      ),
  }))
  await fc.assert(
    fc.asyncProperty(tree, async (rest) => {
      const { rows } = await client.query<{ text: string }>('select $1::jsonb::text as text', [
        `{"seen": false, "rest": ${rest}}`,
      ])
      const stored = rows[0]?.text as string
      const written = changed<Any>(stored, (document) => ({ ...document, seen: true }), jsonbType)
      const { rows: after } = await client.query<{ before: string; after: string }>(
        `select ($1::jsonb -> 'rest')::text as before, ($2::jsonb -> 'rest')::text as after`,
        [stored, written],
      )
      expect(after[0]?.after).toBe(after[0]?.before)
    }),
    { numRuns: 200 },
  )
})

it('takes time that grows with the document only', () => {
  const list = Array.from({ length: 50_000 }, () => '1').join(',')
  const stored = `{"list": [${list},1.00000000000000000001], "seen": false}`
  const written = changed<Any>(stored, (document) => ({ ...document, seen: true }))
  expect(written).toBe(`{"list":[${list},1.00000000000000000001],"seen":true}`)
})

it('takes the last one of two equal keys, as JSON.parse does', () => {
  const stored = '{"a": 18446744073709551615, "a": 1.0, "b": 1}'
  expect(changed<Any>(stored, (document) => ({ ...document, b: 2 }))).toBe('{"a":1.0,"b":2}')
})
