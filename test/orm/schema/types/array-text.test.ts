import fc from 'fast-check'
import { afterAll, describe, expect, inject, it } from 'vitest'
import {
  type ArrayItems,
  readArray,
  arrayLiteral,
} from '../../../../orm/schema/types/array-text.ts'
import { arrayType } from '../../../../orm/schema/types/arrays.ts'
import { integerType } from '../../../../orm/schema/types/integers.ts'
import { connect } from '../../../support/database.ts'

const client = await connect(inject('databaseUrl'))
afterAll(() => client.end())

const item = fc.oneof(
  fc.string({ unit: 'binary' }).filter((text) => !text.includes('\0')),
  fc.constantFrom('', 'NULL', 'null', '{', '}', '","', '\\', '\\"', ' x '),
  fc.constant(null),
)

describe('the text of an array', () => {
  it.each<[string, ArrayItems]>([
    ['{}', []],
    ['{1,NULL,"NULL","null",null}', ['1', null, 'NULL', 'null', 'null']],
    ['{"","a b","a\\"b","a\\\\b"}', ['', 'a b', 'a"b', 'a\\b']],
    [
      '{{1,2},{3,4}}',
      [
        ['1', '2'],
        ['3', '4'],
      ],
    ],
    ['[2:3]={1,2}', ['1', '2']],
    [
      '[0:1][-1:0]={{1,2},{3,4}}'.replace('{3,4}', '{3,"}"}'),
      [
        ['1', '2'],
        ['3', '}'],
      ],
    ],
  ])('%s is read', (text, items) => {
    expect(readArray(text)).toEqual(items)
  })

  it.each<[ArrayItems, string]>([
    [[], '{}'],
    [['1', '-2', '3.5e+10'], '{1,-2,3.5e+10}'],
    [[null, 'NULL', 'null', 'nullable'], '{NULL,"NULL","null",nullable}'],
    [['', ' '], '{""," "}'],
    [['a"b', 'a\\b', '{}', 'a,b', 'ä'], '{"a\\"b","a\\\\b","{}","a,b","ä"}'],
  ])('of %j is written as %s', (items, text) => {
    expect(arrayLiteral(items)).toBe(text)
  })

  it('is read as it was written', () => {
    fc.assert(
      fc.property(fc.array(item), (items) => {
        expect(readArray(arrayLiteral(items))).toEqual(items)
      }),
    )
  })

  it('means the same to PostgreSQL, in both directions', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(item), async (items) => {
        const { rows } = await client.query<{ json: unknown; text: string }>(
          'select array_to_json($1::text[]) as json, $1::text[]::text as text',
          [arrayLiteral(items)],
        )
        expect(rows[0]?.json).toEqual(items)
        expect(readArray(rows[0]?.text ?? '')).toEqual(items)
      }),
      { numRuns: 100 },
    )
  })
})

it('an array of three dimensions comes back from PostgreSQL', async () => {
  const cube = arrayType(arrayType(arrayType(integerType, true), false), false)
  const value = [
    [
      [1, null],
      [3, 4],
    ],
    [
      [5, 6],
      [7, 8],
    ],
  ]
  const { rows } = await client.query<{ text: string }>('select $1::integer[]::text as text', [
    cube.encode(value as never),
  ])
  expect(cube.decode(rows[0]?.text ?? '')).toEqual(value)
  expect(cube.isSame(value, rows[0]?.text ?? '')).toBe(true)
})
