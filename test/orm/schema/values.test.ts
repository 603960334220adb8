import { describe, expect, it } from 'vitest'
import {
  array,
  bytea,
  custom,
  DataBridgeError,
  enumeration,
  integer,
  jsonb,
  numeric,
  table,
  text,
  timestamp,
  timestamptz,
} from '../../../orm/index.ts'
import type { ColumnMetadata } from '../../../orm/schema/metadata.ts'
import { rowDecoder } from '../../../orm/schema/row-decoder.ts'
import { tableOf } from '../../../orm/schema/table-of.ts'
import {
  decodeColumn,
  defaultValue,
  encodeColumn,
  isUnchanged,
  keptChange,
  readBack,
  requireValue,
  valueOfKept,
} from '../../../orm/schema/values.ts'
import type { Primitive } from '../../../orm/schema/wire-form.ts'

const failing = custom<string>({
  sql: 'point',
  decode: () => {
    throw new Error('no point: secret')
  },
  encode: (value) => {
    if (value === 'type') throw new TypeError('x is undefined')
    if (value === 'number') return 5 as never
    if (value === 'nul') return '\0'
    throw new Error('no point: secret')
  },
})

class Log extends table('logs', {
  no: integer().primaryKey(),
  code: text().primaryKey(),
  at: timestamptz().nullable(),
  local: timestamp(),
  bio: text().nullable(),
  secret: text().hidden(),
  mood: enumeration('mood', ['ok', 'sad']),
  tags: array(text()).default(['a']),
  price: numeric({ precision: 10, scale: 2 }),
  body: jsonb<{ n: number[] }>().default({ n: [1] }),
  bytes: bytea().default(new Uint8Array([1])),
  point: failing,
}) {}

const metadata = tableOf(Log)
const column = (property: string): ColumnMetadata =>
  metadata.columnOf.get(property) as ColumnMetadata

function thrown(work: () => unknown): DataBridgeError {
  try {
    work()
  } catch (error) {
    if (error instanceof DataBridgeError) return error
    throw error
  }
  throw new Error('nothing was thrown')
}

describe('a refused value', () => {
  it.each<[string, unknown, string]>([
    ['no', '5', 'Log.no expected a number, got the string "5"'],
    ['no', undefined, 'Log.no expected a number, got undefined'],
    ['bio', undefined, 'Log.bio expected a string, or null, got undefined'],
    ['bio', 5, 'Log.bio expected a string, or null, got the number 5'],
    [
      'secret',
      5,
      'Log.secret expected a string, got a number (not shown, since the column is hidden)',
    ],
    ['secret', undefined, 'Log.secret expected a string, got undefined'],
    ['at', '2020-01-01', 'Log.at expected a Date, or null, got the string "2020-01-01"'],
    ['tags', 'a', 'Log.tags expected an array of values, each a string, got the string "a"'],
    ['body', 1n, 'Log.body expected a value that JSON can hold, got the bigint 1n'],
  ])('of another type is a mistake of the program: %s %o', (property, value, message) => {
    const error = thrown(() => requireValue(metadata, column(property), value))
    expect(error).toMatchObject({ code: 'DATA_BRIDGE_ERR_TYPE', statusCode: 500, message })
    expect(error).toMatchObject({ table: 'logs', column: property })
  })

  it.each<[string, unknown, string]>([
    ['no', 2 ** 31, 'an integer from -2147483648 to 2147483647, got the number 2147483648'],
    ['no', null, 'an integer from -2147483648 to 2147483647, got null'],
    ['bio', '\0', 'a well-formed string without the character U+0000, or null, got the string'],
    ['bio', '\ud800', 'a well-formed string'],
    ['mood', 'happy', 'one of "ok", "sad", got the string "happy"'],
    ['at', new Date(Number.NaN), 'a valid Date, or null, got an invalid Date'],
    ['secret', '\0', 'got a string (not shown, since the column is hidden)'],
  ])('of the right type comes from the data: %s %o', (property, value, message) => {
    const error = thrown(() => requireValue(metadata, column(property), value))
    expect(error).toMatchObject({ code: 'DATA_BRIDGE_ERR_INVALID_VALUE', statusCode: 400 })
    expect(error.details).toContain(message)
  })

  it('is none where the column takes it', () => {
    expect(() => requireValue(metadata, column('bio'), null)).not.toThrow()
    expect(() => requireValue(metadata, column('mood'), 'sad')).not.toThrow()
  })
})

/** Reads the texts of a row as a result is read. */
function readTexts(texts: readonly (string | null)[]): readonly Primitive[] {
  const { columns, explain } = rowDecoder(metadata)
  const row: Primitive[] = []
  texts.forEach((text, index) => {
    try {
      row.push(text === null ? null : (columns[index]?.fromText(text) ?? null))
    } catch (cause) {
      throw explain(cause, index, row)
    }
  })
  return row
}

describe('a stored text that cannot be read', () => {
  const row = [5, 'x', 0, null, null, null, null, null, null, null, null, 'x']

  it('names the column and the key of its row', () => {
    const error = thrown(() => readTexts(['5', 'x', 'infinity']))
    expect(error).toMatchObject({
      code: 'DATA_BRIDGE_ERR_STATEMENT',
      table: 'logs',
      column: 'at',
      message:
        'the column at holds an infinite timestamp, which no Date can hold; declare it timestamptz({ infinity: true }) ' +
        '(in the row of Log with no the string "5" and code the string "x")',
    })
  })

  it('names the column alone where the row is not given', () => {
    for (const work of [() => decodeColumn(column('no'), 'x'), () => readTexts(['x'])])
      expect(thrown(work).details).toBe(
        'the column no is declared as integer, but has another type in the database',
      )
  })

  it('is coded in comparisons and after a write too', () => {
    for (const work of [
      () => isUnchanged(column('tags'), ['a'], 'a'),
      () => readBack(column('tags'), ['a'], 'a'),
    ])
      expect(thrown(work).details).toContain('is declared as an array, but holds something else')
    const other = '2020-01-01 00:00:00'
    expect(thrown(() => readTexts(['5', 'x', other])).details).toContain('declare it timestamp()')
    expect(thrown(() => readTexts(['5', 'x', null, `${other}+00`])).details).toContain(
      'declare it timestamptz()',
    )
  })

  it('keeps what a custom type threw as the cause, and out of the message', () => {
    const error = thrown(() => valueOfKept(column('point'), 'x', metadata, row))
    expect(error.details).toContain('the column point could not be decoded as point (in the row')
    expect(error.details).not.toContain('secret')
    expect(error.cause).toMatchObject({ message: 'no point: secret' })
  })

  it('is no matter of NULL', () => {
    expect(decodeColumn(column('no'), null)).toBeNull()
  })
})

describe('a value that cannot be encoded', () => {
  it.each([
    ['any', 'DATA_BRIDGE_ERR_INVALID_VALUE', 'could not be encoded as point'],
    ['type', 'DATA_BRIDGE_ERR_TYPE', 'could not be encoded as point'],
    ['number', 'DATA_BRIDGE_ERR_TYPE', 'expected encode() to give a string, got the number 5'],
    ['nul', 'DATA_BRIDGE_ERR_INVALID_VALUE', 'expected encode() to give a well-formed string'],
  ])('is a coded error that names the column: %s', (value, code, message) => {
    const error = thrown(() => encodeColumn(column('point'), value))
    expect(error).toMatchObject({ code, column: 'point' })
    expect(error.details).toContain(`the column point ${message}`)
    expect(error.cause).toBeInstanceOf(Error)
  })

  it('is refused with its path where numbers of a document have moved', () => {
    const stored = '{"n": [1234567890123456789, 1234567890123456790]}'
    const value = { n: [Number('1234567890123456789')] }
    const error = thrown(() => keptChange(column('body'), value, stored))
    expect(error).toMatchObject({ code: 'DATA_BRIDGE_ERR_FLUSH', column: 'body' })
    expect(error.details).toContain('the column body has several numbers')
    expect(error.details).toContain('$.n[0]')
  })
})

describe('a change', () => {
  it('is kept as the value, but for what has to be kept', () => {
    expect(keptChange(column('no'), 5, 4)).toBe(5)
    expect(keptChange(column('bio'), null, 'x')).toBeNull()
    expect(keptChange(column('body'), { n: [1] }, null)).toBe('{"n":[1]}')
    expect(keptChange(column('body'), { n: [Infinity] }, '{"n": [1e400, 2]}')).toBe('{"n":[1e400]}')
  })
})

describe('what a write gives back', () => {
  it('replaces what was sent where PostgreSQL changed it', () => {
    expect(isUnchanged(column('price'), '1.5', '1.50')).toBe(true)
    expect(readBack(column('price'), '1.5', '1.50')).toBe('1.50')
    expect(readBack(column('bio'), 'x', null)).toBeNull()
  })

  it('leaves an equal object in its place', () => {
    const at = new Date(0)
    expect(readBack(column('at'), at, 0)).toBe(at)
    const tags = ['a']
    expect(readBack(column('tags'), tags, '{a}')).toBe(tags)
    expect(readBack(column('tags'), tags, '{b}')).toEqual(['b'])
  })
})

it('a default is a new object for each row, and not the one that was given', () => {
  const given = ['a']
  const spec = array(text()).default(given).spec
  given.push('b')
  expect(spec.default).toEqual({ kind: 'value', value: ['a'] })
  for (const property of ['tags', 'body', 'bytes']) {
    const first = defaultValue(column(property))
    expect(first).toEqual(defaultValue(column(property)))
    expect(first).not.toBe(defaultValue(column(property)))
  }
  expect(defaultValue(column('no'))).toBeUndefined()
})
