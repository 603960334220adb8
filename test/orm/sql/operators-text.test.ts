import fc from 'fast-check'
import { beforeAll, describe, expect, it } from 'vitest'
import {
  char,
  citext,
  type Condition,
  escapeLike,
  integer,
  type Refs,
  sql,
  table,
  text,
  varchar,
} from '../../../orm/index.ts'
import { testDatabase } from '../../support/database.ts'
import { coded } from '../../support/failure.ts'

class Word extends table('words', {
  id: integer().primaryKey(),
  text: text().nullable(),
  short: varchar(20).nullable(),
  padded: char(8).nullable(),
  name: citext().nullable(),
  secret: text().nullable().hidden(),
}) {}

const words = ['', 'a', 'A', 'Ab', '100%', '100', 'a_b', 'axb', 'a\\b', '\\', '%', '_', `'"$1`, 'é']

const { database, query } = await testDatabase()

beforeAll(async () => {
  await query('create extension citext')
  await database.createSchema([Word])
  await database.run((session) =>
    session.add([
      ...words.map(
        (word, id) => new Word({ id, text: word, short: word, padded: word, name: word }),
      ),
      new Word({ id: words.length }),
    ]),
  )
})

async function found(filter: (word: Refs<Word>) => Condition): Promise<string[]> {
  await using session = database.session()
  const rows = await session
    .find(Word)
    .filter(filter)
    .orderBy((word) => word.id.asc())
    .toList()
  return rows.map(({ id }) => words[id] ?? 'NULL')
}

const part = fc.oneof(
  fc.constantFrom(...words),
  fc.string({ unit: fc.constantFrom('a', 'A', 'b', '%', '_', '\\', '0'), maxLength: 3 }),
)
const methods = ['startsWith', 'endsWith', 'includes'] as const

it.each(methods)('%s finds what JavaScript finds, with and without case', async (method) => {
  await fc.assert(
    fc.asyncProperty(part, fc.boolean(), async (given, ignoreCase) => {
      const fold = (value: string): string => (ignoreCase ? value.toLowerCase() : value)
      const expected = words.filter((word) => fold(word)[method](fold(given)))
      expect(await found((word) => word.text[method](given, { ignoreCase }))).toEqual(expected)
      expect(await found((word) => word.short[method](given, { ignoreCase }))).toEqual(expected)
      const padded = await found((word) => word.padded[method](given, { ignoreCase }))
      expect(padded).toEqual(expected)
      const folded = words.filter((word) => word.toLowerCase()[method](given.toLowerCase()))
      expect(await found((word) => word.name[method](given))).toEqual(folded)
    }),
    { numRuns: 40 },
  )
})

it('escapeLike gives a pattern that matches the text alone', async () => {
  expect(() => escapeLike(['a'] as never)).toThrow(
    coded('DATA_BRIDGE_ERR_TYPE', 'escapeLike() expected a string, got an array'),
  )
  expect(escapeLike('100%_\\')).toBe('100\\%\\_\\\\')
  for (const word of words)
    expect(await found(({ text: column }) => column.like(escapeLike(word)))).toEqual([word])
  expect(await found(({ text: column }) => column.like('100%'))).toEqual(['100%', '100'])
})

it('a part of a document and your own SQL are texts too', async () => {
  expect(await found((word) => sql<string>`lower(${word.text})`.startsWith('ab'))).toEqual(['Ab'])
  expect(await found((word) => sql<string>`${word.text} || ${'%'}`.endsWith('0%%'))).toEqual([
    '100%',
  ])
})

describe('texts refuse', () => {
  it.each<[string, (word: Refs<Word>) => unknown, string]>([
    [
      'a number',
      (word) => word.text.startsWith(1 as never),
      'Word.text expected a string, got the number 1',
    ],
    ['undefined', (word) => word.text.includes(undefined as never), 'got undefined'],
    ['null', (word) => word.text.includes(null as never), 'got null'],
    ['a column', (word) => word.text.includes(word.short as never), 'expected a string'],
    ['a row', (word) => word.text.includes(word as never), 'got a row of Word'],
    ['other columns', (word) => word.id.startsWith.call(word.id as never, 'a'), 'text columns'],
    ['another option', (word) => word.text.includes('a', { case: 1 } as never), 'no option case'],
    ['no option', (word) => word.text.includes('a', true as never), '{ ignoreCase: true }'],
    ['a word', (word) => word.text.includes('a', { ignoreCase: 'no' as never }), 'true or false'],
    ['arrays', (word) => word.text.contains('a' as never), 'texts have includes()'],
  ])('%s', (_, build, message) => {
    const query = (): unknown =>
      database
        .session()
        .find(Word)
        .filter(build as never)
    expect(query).toThrow(expect.objectContaining({ statusCode: 500 }))
    expect(query).toThrow(expect.objectContaining({ details: expect.stringContaining(message) }))
  })

  it.each(['\0', 'a\0b', '\ud800'])('%j as a value of a client', (value) => {
    for (const method of methods) {
      const filter = (): unknown =>
        database
          .session()
          .find(Word)
          .filter((word) => word.text[method](value))
      expect(filter).toThrow(coded('DATA_BRIDGE_ERR_INVALID_VALUE', 'Word.text expected'))
    }
  })

  it('a value of a hidden column without showing it', () => {
    const filter = (): unknown =>
      database
        .session()
        .find(Word)
        .filter((word) => word.secret.startsWith('hush\0'))
    expect(filter).toThrow(coded('DATA_BRIDGE_ERR_INVALID_VALUE', 'not shown'))
  })
})
