import fc from 'fast-check'
import { expect, inject, it } from 'vitest'
import { arrayLiteral } from '../../../orm/sql/array-literal.ts'
import { connect } from '../../support/database.ts'

it.each([
  [[], '{}'],
  [['1', '-2', '3.5e+10'], '{1,-2,3.5e+10}'],
  [[null, 'NULL', 'null', 'nullable'], '{NULL,"NULL","null",nullable}'],
  [['', ' '], '{""," "}'],
  [['a"b', 'a\\b', '{}', 'a,b', 'ä'], '{"a\\"b","a\\\\b","{}","a,b","ä"}'],
])('writes %j as %s', (elements, literal) => {
  expect(arrayLiteral(elements)).toBe(literal)
})

it('means to PostgreSQL exactly the elements that it was given', async () => {
  await using client = await connect(inject('databaseUrl'))
  const roundTrip = async (elements: readonly (string | null)[]): Promise<unknown> => {
    const { rows } = await client.query<{ elements: string }>({
      name: 'elements',
      text: 'select to_json($1::text[])::text as elements',
      values: [arrayLiteral(elements)],
    })
    return JSON.parse(rows[0]?.elements ?? 'null')
  }
  const trap = fc.constantFrom('NULL', 'null', 'Null', '', ' ', '"', '\\', '{', '}', ',', "'", '\n')
  const text = fc.oneof(
    fc.string({ unit: 'binary' }).map((value) => value.replaceAll('\0', '').toWellFormed()),
    fc.array(trap).map((parts) => parts.join('')),
  )
  await fc.assert(
    fc.asyncProperty(fc.array(fc.option(text)), async (elements) => {
      expect(await roundTrip(elements)).toEqual(elements)
    }),
    { numRuns: 300 },
  )
})
