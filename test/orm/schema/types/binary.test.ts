import fc from 'fast-check'
import pg from 'pg'
import { afterAll, describe, expect, inject, it } from 'vitest'
import { tableOf } from '../../../../orm/schema/table-of.ts'
import { arrayFormat, binaryArray } from '../../../../orm/schema/types/binary-array.ts'
import type { ColumnMetadata } from '../../../../orm/schema/metadata.ts'
import { keptOf } from '../../../../orm/schema/values.ts'
import type { BinaryFormat, Primitive } from '../../../../orm/schema/wire-form.ts'
import { type TypeName, Wide } from '../every-type.ts'
import { hostile } from '../hostile-values.ts'

const client = new pg.Client(inject('databaseUrl'))
await client.connect()
afterAll(() => client.end())

/** The functions that make PostgreSQL's binary format. */
const senders: Readonly<Partial<Record<TypeName, string>>> = {
  smallint: 'int2send',
  integer: 'int4send',
  bigString: 'int8send',
  bigNumber: 'int8send',
  bigBigint: 'int8send',
  double: 'float8send',
  text: 'textsend',
  varchar: 'varcharsend',
  char: 'bpcharsend',
  boolean: 'boolsend',
  timestamp: 'timestamp_send',
  millis: 'timestamptz_send',
  micros: 'timestamptz_send',
  infinite: 'timestamptz_send',
}

/** Values that a Date cannot hold, or another type of number. */
const texts: Readonly<Partial<Record<TypeName, readonly string[]>>> = {
  timestamp: [
    '1969-12-31 23:59:59.999999',
    '2024-02-29 12:00:00.1234',
    '0044-03-15 12:00:00.000001 BC',
  ],
  micros: [
    '1969-12-31 23:59:59.999999+00',
    '2024-02-29 12:00:00.1234+05:30',
    '2255-06-05 23:47:34.740991+00',
    '2300-01-01 00:00:00.000001-11',
    '0044-03-15 12:00:00.000001+00 BC',
    '275760-09-12 23:59:59.999999+00',
  ],
  infinite: ['infinity', '-infinity', '1600-01-01 00:00:00.000009+00'],
  bigString: ['999999999999999', '-999999999999999', '4503599627370496', '9007199254740992'],
}

const names = Object.keys(senders) as TypeName[]

function columnOf(name: TypeName): ColumnMetadata {
  return tableOf(Wide).columnOf.get(name) as ColumnMetadata
}

interface Sent {
  readonly text: string
  readonly bytes: Buffer
}

/** What PostgreSQL sends of values, in both formats. */
async function sent(name: TypeName, given: readonly string[]): Promise<Sent[]> {
  const { cast } = columnOf(name).type
  const { rows } = await client.query<{ text: string; bytes: string }>({
    text: `select item as text, ${senders[name]}(item) as bytes
      from unnest($1::text[]) with ordinality as given (value, place), cast(value as ${cast}) as item order by place`,
    values: [given],
    types: { getTypeParser: () => (value: unknown) => value },
  })
  return rows.map(({ text, bytes }) => ({ text, bytes: Buffer.from(bytes.slice(2), 'hex') }))
}

function formatOf(name: TypeName): BinaryFormat {
  return columnOf(name).type.keep.binary as BinaryFormat
}

function readBinary(format: BinaryFormat, bytes: Buffer): Primitive {
  // In the middle of other bytes, as in a message.
  const around = Buffer.concat([Buffer.alloc(3, 0xff), bytes, Buffer.alloc(5, 0xff)])
  return format.read(around, 3, bytes.length)
}

function writeBinary(format: BinaryFormat, value: Exclude<Primitive, null>): Buffer {
  const bytes = Buffer.alloc(format.sizeOf(value) + 4, 0xff)
  expect(format.write(value, bytes, 2)).toBe(bytes.length - 2)
  return bytes.subarray(2, -2)
}

/** The values that are read or written otherwise in binary than by text. */
async function differing(name: TypeName, given: readonly string[]): Promise<readonly unknown[]> {
  const { keep } = columnOf(name).type
  const format = formatOf(name)
  const found: unknown[] = []
  const all = await sent(name, given)
  expect(all).toHaveLength(given.length)
  for (const { text, bytes } of all) {
    const kept = keep.fromText(text)
    const read = readBinary(format, bytes)
    const written = writeBinary(format, kept)
    // What is kept is what PostgreSQL has, whatever the text is.
    const [again] = await sent(name, [keep.toText(kept)])
    const isSame = Object.is(read, kept) && written.equals(bytes) && again?.bytes.equals(bytes)
    if (isSame !== true) found.push({ text, kept, read, written, bytes, again })
  }
  return found
}

describe.each(names)('%s', (name) => {
  it('is the same primitive by text and in binary', async () => {
    const column = columnOf(name)
    const given = hostile[name].map((value) => column.type.encode(value as never))
    expect(await differing(name, [...given, ...(texts[name] ?? [])])).toEqual([])
  })

  it('is kept of a value as of its text', () => {
    const column = columnOf(name)
    const { keep, encode } = column.type
    for (const value of hostile[name]) {
      const kept = keptOf(column, value) as Exclude<Primitive, null>
      expect(kept).toBe(keep.fromText(encode(value as never)))
      expect(keep.isSame(value, kept)).toBe(true)
      expect(keep.toValue(kept)).toEqual(value)
    }
  })

  it.each([0, 1, 3])(
    'is an array in binary as PostgreSQL makes it, with %i NULL',
    async (nulls) => {
      const column = columnOf(name)
      const { cast, arrayCast, keep, encode } = column.type
      const given = hostile[name].map((value) => encode(value as never))
      const items: Primitive[] = hostile[name].map((value) => keptOf(column, value))
      for (let index = 0; index < nulls; index += 1) {
        given.splice(index, 0, null as never)
        items.splice(index, 0, null)
      }
      const { rows } = await client.query<{ bytes: Buffer }>(
        `select array_send(array_agg(value::${cast} order by place)::${arrayCast}) as bytes
       from unnest($1::text[]) with ordinality as given (value, place)`,
        [given],
      )
      const format = arrayFormat(keep.binary, arrayCast) as BinaryFormat
      expect(binaryArray(format, items).toString('hex')).toBe(rows[0]?.bytes.toString('hex'))
    },
  )
})

it.each(['Asia/Kolkata', 'America/St_Johns', 'Europe/Amsterdam', 'UTC'])(
  'an instant does not depend on the time zone: %s',
  async (zone) => {
    await client.query(`set timezone = '${zone}'`)
    const encode = columnOf('micros').type.encode
    const given = hostile.micros.map((value) => encode(value as never))
    expect(await differing('micros', [...given, ...(texts.micros ?? [])])).toEqual([])
    await client.query('reset timezone')
  },
)

it('any microsecond is the same by text and in binary', async () => {
  const around = fc.oneof(
    fc.bigInt(-211_813_488_000_000_000n, 8_639_053_315_200_000_000n),
    fc.bigInt(-9_007_199_254_750_000n, -9_007_199_254_730_000n),
    fc.bigInt(9_007_199_254_730_000n, 9_007_199_254_750_000n),
    fc.bigInt(-5000n, 5000n),
  )
  await fc.assert(
    fc.asyncProperty(fc.array(around, { minLength: 20, maxLength: 40 }), async (values) => {
      const { rows } = await client.query<{ text: string }>(
        `select ('2000-01-01 00:00:00+00'::timestamptz + (micros / 1000000) * interval '1 second'
           + (micros % 1000000) * interval '1 microsecond')::text as text
         from unnest($1::bigint[]) as micros`,
        [values.map(String)],
      )
      const stored = rows.map(({ text }) => text)
      expect(await differing('micros', stored)).toEqual([])
    }),
    { numRuns: 5 },
  )
})

it.each([
  ['micros', 'infinity', 'holds an infinite timestamp'],
  ['micros', '-infinity', 'holds an infinite timestamp'],
  ['timestamp', 'infinity', 'declare it timestamp({ infinity: true })'],
  ['infinite', '290000-01-01 00:00:00+00', 'later than any Date'],
  ['bigNumber', '9007199254740992', 'beyond the safe integers'],
  ['bigNumber', '-9223372036854775808', 'beyond the safe integers'],
] as const)('%s refuses %s in both formats', async (name, text, message) => {
  const [given] = await sent(name, [text])
  const { bytes, text: stored } = given as Sent
  expect(() => columnOf(name).type.keep.fromText(stored)).toThrow(message)
  expect(() => readBinary(formatOf(name), bytes)).toThrow(message)
})

describe('an array', () => {
  it('without items has no dimension', async () => {
    const { rows } = await client.query<{ bytes: Buffer }>(
      `select array_send('{}'::text[]) as bytes`,
    )
    expect(binaryArray(formatOf('text'), []).toString('hex')).toBe(rows[0]?.bytes.toString('hex'))
  })

  it.each([
    ['text', 'character varying[]', 1043],
    ['varchar', 'text[]', 25],
    ['text', 'bpchar[]', 1042],
    ['char', 'varchar[]', 1043],
    ['integer', 'integer[]', 23],
  ] as const)('of %s as %s has items of the type %i', (name, cast, oid) => {
    expect(arrayFormat(formatOf(name), cast)?.oid).toBe(oid)
  })

  it.each([
    ['integer', 'bigint[]'],
    ['integer', 'text[]'],
    ['text', 'citext[]'],
    ['text', 'integer[]'],
    ['micros', 'timestamp without time zone[]'],
    ['text', 'constructor'],
    ['text', '"my text"[]'],
  ] as const)('of %s as %s is a text', (name, cast) => {
    expect(arrayFormat(formatOf(name), cast)).toBeUndefined()
  })
})
