import fc from 'fast-check'
import { expect, it } from 'vitest'
import { jsonbType } from '../../../orm/schema/types/json.ts'
import { testDatabase } from '../../support/database.ts'
import {
  columnsOf,
  labels,
  optional,
  Point,
  samePoints,
  type TypeName,
  typeNames,
  type ValueOf,
  Wide,
} from './every-type.ts'
import { hostile, plainValues } from './hostile-values.ts'

const { database, query, truncate } = await testDatabase([Wide])

expect.addEqualityTesters([samePoints])

const string = fc.string({ unit: 'binary' }).filter((value) => !value.includes('\0'))
const digits = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })
const dates = fc.oneof(
  fc.date({ min: new Date('-004712-01-01T00:00:00Z'), noInvalidDate: true }),
  fc.date({ min: new Date('1880-01-01'), max: new Date('2040-01-01'), noInvalidDate: true }),
)
const documents = fc
  .jsonValue({ stringUnit: 'binary' })
  // JSON's null is read as NULL is.
  .filter((value) => value !== null && jsonbType.accepts(value))
  .map((value) => JSON.parse(JSON.stringify(value)) as unknown)
const list = <T>(item: fc.Arbitrary<T>) => fc.array(item, { maxLength: 5 })
const bytes = fc.uint8Array({ maxLength: 50 }).map((value) => Buffer.from(value))
const two = (value: number) => String(value).padStart(2, '0')
const times = fc
  .tuple(fc.nat(23), fc.nat(59), fc.nat(59), fc.nat(999_999))
  .map(([hour, minute, second, micros]) => {
    const fraction = String(micros).padStart(6, '0').replace(/0+$/, '')
    return `${two(hour)}:${two(minute)}:${two(second)}${fraction && `.${fraction}`}`
  })
const days = fc
  .date({ min: new Date('0001-01-01'), max: new Date('9999-12-31'), noInvalidDate: true })
  .map((date) => date.toISOString().slice(0, 10))
const finite = fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => value + 0)

const arbitraries: { readonly [Name in TypeName]: fc.Arbitrary<ValueOf<Name>> } = {
  smallint: fc.integer({ min: -32768, max: 32767 }),
  integer: fc.integer(),
  bigString: digits.map(String),
  bigNumber: fc.maxSafeInteger().map((value) => value + 0),
  bigBigint: digits,
  // As PostgreSQL writes them: with the fewest digits that 32 bits need.
  real: fc
    .float({ min: Math.fround(1e-30), max: Math.fround(1e6), noNaN: true })
    .map((value) => Number(value.toPrecision(6))),
  double: fc.double(),
  money: fc
    .tuple(fc.integer({ min: 0, max: 2 ** 31 }), fc.nat(99))
    .map(([whole, cents]) => `${whole}.${two(cents)}`),
  numeric: fc.tuple(digits, fc.nat(999)).map(([whole, rest]) => `${whole}.${rest}`),
  text: string,
  varchar: string.filter((value) => Array.from(value).length <= 40),
  char: fc
    .string({ unit: fc.constantFrom('a', ' ', '"', '\\', '{', '👩', "'"), maxLength: 5 })
    .map((value) => value + ' '.repeat(5 - Array.from(value).length)),
  citext: string,
  boolean: fc.boolean(),
  uuid: fc.uuid(),
  date: days,
  time: times,
  timestamp: dates,
  timestampText: fc.tuple(days, times).map(([day, time]) => `${day} ${time}`),
  millis: dates,
  micros: dates,
  infinite: fc.oneof(dates, fc.constantFrom(Infinity, -Infinity)),
  interval: fc.integer({ min: 2, max: 1_000_000 }).map((value) => `${value} days`),
  bytes,
  json: documents,
  jsonb: documents,
  inet: fc.oneof(fc.ipV4(), fc.constantFrom('::', '2001:db8::/32')),
  mood: fc.constantFrom(...labels),
  texts: list(fc.option(string)),
  integers: list(fc.integer()),
  matrix: fc.tuple(fc.integer({ min: 1, max: 3 }), fc.nat(3)).chain(([width, height]) =>
    fc.array(fc.array(fc.option(fc.integer()), { minLength: width, maxLength: width }), {
      minLength: height,
      maxLength: height,
    }),
  ),
  instants: list(dates),
  moods: list(fc.constantFrom(...labels)),
  documents: list(documents),
  blobs: list(bytes),
  point: fc.tuple(finite, finite).map(([x, y]) => new Point(x, y)),
}

type Values = Readonly<Record<string, unknown>>

// Of some columns a value, of some NULL, and of some none; the values of types that are most likely to go wrong among them.
const rowValues: fc.Arbitrary<Values> = fc
  .subarray(typeNames, { maxLength: 8 })
  .chain((names) =>
    fc.record(
      Object.fromEntries(
        names.map((name) => [
          optional(name),
          fc.option(
            fc.oneof(
              { arbitrary: arbitraries[name] as fc.Arbitrary<unknown>, weight: 4 },
              { arbitrary: fc.constantFrom<unknown>(...hostile[name]), weight: 1 },
            ),
            { freq: 6 },
          ),
        ]),
      ),
    ),
  )

const required = plainValues()
const nothing = Object.fromEntries(typeNames.map((name) => [optional(name), null]))
const entityOf = (values: Values) => new Wide({ ...required, ...values })
const stored = () => query(`select (to_jsonb(wide) - 'id')::text as row from wide order by id`)

async function read(): Promise<Values[]> {
  await using session = database.session()
  const rows = await session
    .find(Wide)
    .orderBy(({ id }) => id.asc())
    .toList()
  return rows.map((row) => columnsOf(row))
}

it('rows of random types are read as they were written, in batches and one by one', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(rowValues, { minLength: 1, maxLength: 8 }), async (rows) => {
      await truncate()
      const expected = rows.map((values, row) => ({
        id: row + 1,
        ...required,
        ...nothing,
        ...values,
      }))
      await database.run((session) => session.add(rows.map(entityOf)))
      expect(await read()).toEqual(expected)
      const batched = await stored()
      await truncate()
      for (const values of rows) await database.run((session) => session.add(entityOf(values)))
      expect(await stored()).toEqual(batched)
    }),
    { numRuns: 100 },
  )
})

it('random changes of several rows are written, and are no changes the second time', async () => {
  const changes = fc.array(fc.tuple(rowValues, rowValues), { minLength: 1, maxLength: 8 })
  await fc.assert(
    fc.asyncProperty(changes, async (rows) => {
      await truncate()
      await database.run((session) => session.add(rows.map(([before]) => entityOf(before))))
      await database.run(async (session) => {
        const entities = await session
          .find(Wide)
          .orderBy(({ id }) => id.asc())
          .toList()
        entities.forEach((entity, row) => Object.assign(entity, rows[row]?.[1]))
        await session.flush()
        const { queryCount } = session.stats
        entities.forEach((entity, row) => Object.assign(entity, rows[row]?.[1]))
        await session.flush()
        expect(session.stats.queryCount).toBe(queryCount)
      })
      expect(await read()).toEqual(
        rows.map(([before, after], row) => ({
          id: row + 1,
          ...required,
          ...nothing,
          ...before,
          ...after,
        })),
      )
    }),
    { numRuns: 100 },
  )
})
