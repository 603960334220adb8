import { describe, expect, it } from 'vitest'
import {
  array,
  bigint,
  boolean,
  bytea,
  char,
  citext,
  type Column,
  custom,
  type CustomType,
  date,
  double,
  enumeration,
  inet,
  integer,
  interval,
  json,
  jsonb,
  numeric,
  real,
  smallint,
  text,
  time,
  timestamp,
  timestamptz,
  uuid,
  varchar,
} from '../../../orm/index.ts'
import type { AnyColumn } from '../../../orm/schema/column.ts'
import { coded } from '../../support/failure.ts'

const SCHEMA = 'DATA_BRIDGE_ERR_SCHEMA'

interface Point {
  readonly x: number
  readonly y: number
}

const point: CustomType<Point> = {
  sql: 'point',
  decode: (value) => {
    const [x = 0, y = 0] = value.slice(1, -1).split(',').map(Number)
    return { x, y }
  },
  encode: ({ x, y }) => `(${x},${y})`,
}

describe('the types in PostgreSQL', () => {
  it.each<[AnyColumn, sql: string, cast: string, array: string, item: string]>([
    [smallint(), 'smallint', 'smallint', 'smallint[]', ''],
    [integer(), 'integer', 'integer', 'integer[]', ''],
    [bigint(), 'bigint', 'bigint', 'bigint[]', ''],
    [real(), 'real', 'real', 'real[]', ''],
    [double(), 'double precision', 'double precision', 'double precision[]', ''],
    [numeric(), 'numeric', 'numeric', 'numeric[]', ''],
    [numeric({ precision: 5 }), 'numeric(5)', 'numeric', 'numeric[]', ''],
    [numeric({ precision: 5, scale: 2 }), 'numeric(5,2)', 'numeric', 'numeric[]', ''],
    [text(), 'text', 'text', 'text[]', ''],
    [varchar(), 'varchar', 'varchar', 'varchar[]', ''],
    [varchar(255), 'varchar(255)', 'varchar', 'varchar[]', ''],
    [varchar({ name: 'x', length: 3 }), 'varchar(3)', 'varchar', 'varchar[]', ''],
    [char(), 'char(1)', 'bpchar', 'bpchar[]', ''],
    [char(5), 'char(5)', 'bpchar', 'bpchar[]', ''],
    [citext(), 'citext', 'citext', 'citext[]', ''],
    [boolean(), 'boolean', 'boolean', 'boolean[]', ''],
    [uuid(), 'uuid', 'uuid', 'uuid[]', ''],
    [date(), 'date', 'date', 'date[]', ''],
    [time(), 'time', 'time', 'time[]', ''],
    [time({ precision: 0 }), 'time(0)', 'time', 'time[]', ''],
    [interval(), 'interval', 'interval', 'interval[]', ''],
    [bytea(), 'bytea', 'bytea', 'bytea[]', ''],
    [json(), 'json', 'json', 'json[]', ''],
    [jsonb(), 'jsonb', 'jsonb', 'jsonb[]', ''],
    [inet(), 'inet', 'inet', 'inet[]', ''],
    [
      timestamptz(),
      'timestamp(3) with time zone',
      'timestamp with time zone',
      'timestamp with time zone[]',
      '',
    ],
    [
      timestamptz({ precision: 6, infinity: true }),
      'timestamp(6) with time zone',
      'timestamp with time zone',
      'timestamp with time zone[]',
      '',
    ],
    [
      timestamp(),
      'timestamp(3) without time zone',
      'timestamp without time zone',
      'timestamp without time zone[]',
      '',
    ],
    [
      timestamp({ mode: 'string' }),
      'timestamp without time zone',
      'timestamp without time zone',
      'timestamp without time zone[]',
      '',
    ],
    [enumeration('mood', ['ok']), '"mood"', '"mood"', '"mood"[]', ''],
    [enumeration('m"d', ['ok'], { schema: 'a' }), '"a"."m""d"', '"a"."m""d"', '"a"."m""d"[]', ''],
    [array(integer()), 'integer[]', 'integer[]', 'text[]', '::integer[]'],
    [array(varchar(5)), 'varchar(5)[]', 'varchar[]', 'text[]', '::varchar[]'],
    [array(array(integer())), 'integer[]', 'integer[]', 'text[]', '::integer[]'],
    [array(enumeration('mood', ['ok'])), '"mood"[]', '"mood"[]', 'text[]', '::"mood"[]'],
    [custom(point), 'point', 'point', 'point[]', ''],
    [
      custom({ ...point, sql: 'geometry(Point,4326)' }),
      'geometry(Point,4326)',
      'geometry',
      'text[]',
      '::geometry',
    ],
    [
      custom({ ...point, sql: 'int4range[]' }),
      'int4range[]',
      'int4range[]',
      'text[]',
      '::int4range[]',
    ],
  ])('%#', ({ spec: { type } }, sql, cast, arrayCast, itemCast) => {
    expect([type.sql, type.cast, type.arrayCast, type.itemCast]).toEqual([
      sql,
      cast,
      arrayCast,
      itemCast,
    ])
  })

  it('tell what createSchema() has to make first', () => {
    const mood = enumeration('mood', ['ok', 'sad'], { schema: 'auth' })
    const made = { schema: 'auth', name: 'mood', values: ['ok', 'sad'] }
    expect(mood.spec.type.enumeration).toEqual(made)
    expect(array(array(mood)).spec.type.enumeration).toEqual(made)
    expect(array(citext()).spec.type.extension).toBe('citext')
  })

  it('tell which can be keys, and which JavaScript can match', () => {
    const facts = (column: AnyColumn) => [
      column.spec.type.isComparable,
      column.spec.type.hasExactText,
    ]
    for (const column of [integer(), smallint(), bigint(), uuid(), boolean(), date(), bytea()])
      expect(facts(column)).toEqual([true, true])
    for (const column of [text(), varchar(), char(), citext(), numeric(), real(), double()])
      expect(facts(column)).toEqual([true, false])
    for (const column of [inet(), interval(), time(), timestamp(), timestamptz(), array(text())])
      expect(facts(column)).toEqual([true, false])
    for (const column of [json(), jsonb(), array(jsonb())])
      expect(facts(column)).toEqual([false, false])
  })
})

describe('references()', () => {
  class Target {}
  it.each<[target: unknown, options: unknown, message: string]>([
    [undefined, undefined, 'references() expected a thunk such as () => User, got undefined'],
    ['users', undefined, 'got the string "users"'],
    [() => Target, null, "references() expected options such as { onDelete: 'cascade' }, got null"],
    [() => Target, 'cascade', 'got the string "cascade"'],
    [() => Target, [], 'got an array of 0'],
    [() => Target, { ondelete: 'cascade' }, 'references() has no option ondelete; it has onDelete'],
    [
      () => Target,
      { onDelete: 'CASCADE' },
      "references(): onDelete expected 'cascade', 'restrict'",
    ],
    [() => Target, { onDelete: null }, 'got null'],
  ])('refuses %j with %j where it is declared', (target, options, message) => {
    const column = integer() as { references(...given: unknown[]): unknown }
    expect(() => column.references(target, options)).toThrow(coded(SCHEMA, message))
  })
})

describe('names', () => {
  it('are the first argument, where it is a string, or an option', () => {
    const named: readonly AnyColumn[] = [
      smallint('x'),
      bigint('x'),
      bigint({ name: 'x' }),
      numeric({ name: 'x' }),
      varchar('x'),
      char({ name: 'x', length: 2 }),
      time('x'),
      time({ name: 'x' }),
      timestamp('x'),
      timestamptz({ name: 'x' }),
      enumeration('mood', ['ok'], { name: 'x' }),
      array(text(), 'x'),
      custom(point, 'x'),
    ]
    for (const { spec } of named) expect(spec.name).toBe('x')
    expect(varchar('x').spec.type.sql).toBe('varchar')
  })
})

describe('a wrong declaration is refused:', () => {
  it.each<[string, () => unknown]>([
    ['an unknown option', () => numeric({ percision: 1 } as never)],
    ['options that are none', () => timestamptz(5 as never)],
    ['a length of 0', () => varchar(0)],
    ['a fractional length', () => char({ length: 1.5 })],
    ['a precision of 7', () => timestamptz({ precision: 7 })],
    ['a precision of -1', () => time({ precision: -1 })],
    ['infinity that is no boolean', () => timestamptz({ infinity: 1 as never })],
    ['an unknown mode', () => timestamp({ mode: 'iso' as never })],
    ['infinity of texts', () => timestamp({ mode: 'string', infinity: true })],
    ['an enumeration without labels', () => enumeration('mood', [] as never)],
    ['an empty label', () => enumeration('mood', [''])],
    ['a label twice', () => enumeration('mood', ['a', 'b', 'a'])],
    ['a label that is no string', () => enumeration('mood', [1 as never])],
    ['a label that is too long', () => enumeration('mood', ['x'.repeat(64)])],
    ['an enumeration without a name', () => enumeration('', ['a'])],
    ['a schema in the name of a type', () => enumeration('auth.mood', ['a'])],
    ['a name in the place of options', () => enumeration('mood', ['a'], 'x' as never)],
    ['an array of nothing', () => array('text' as never)],
    ['an array with a name in its items', () => array(text('x'))],
    ['an array of keys', () => array(integer().primaryKey())],
    ['an array of defaults', () => array(text().default('x'))],
    ['an array of hidden items', () => array(text().hidden())],
    ['an array of nullable arrays', () => array(array(text()).nullable())],
    ['a custom type without decode', () => custom({ sql: 'x', encode: String } as never)],
    ['a custom type without sql', () => custom({ ...point, sql: '' })],
    ['a custom type with another member', () => custom({ ...point, decoder: 1 } as never)],
    ['a custom type with a wrong member', () => custom({ ...point, isText: 'yes' as never })],
    ['a custom type that is none', () => custom('point' as never)],
    ['a generated numeric', () => numeric().generated()],
    ['a default of now for a date', () => (date() as never as Column<Date>).defaultNow()],
    ['onUpdate without a function', () => timestamptz().onUpdate(new Date() as never)],
    ['a default that is no label', () => enumeration('mood', ['a']).default('b' as never)],
    ['a default that is no day', () => date().default('2023-02-29')],
    [
      'a default that the type cannot encode',
      () => custom({ ...point, encode: () => '\0' }).default({ x: 1, y: 2 }),
    ],
    ['a default of null', () => jsonb().default(null as never)],
  ])('%s', (_, declare) => {
    expect(declare).toThrow(coded(SCHEMA))
  })
})

describe('builders', () => {
  it('generate smallint too', () => {
    expect(smallint().generated().spec.generated).toBe(true)
  })

  it('give now in UTC to a timestamp', () => {
    expect(timestamptz().defaultNow().spec.default).toEqual({ kind: 'sql', sql: 'now()' })
    expect(timestamp().defaultNow().spec.default).toEqual({
      kind: 'sql',
      sql: "(now() at time zone 'UTC')",
    })
    expect(timestamptz({ infinity: true }).nullable().defaultNow().spec.nullable).toBe(true)
  })

  it('keep what makes a value at each update', () => {
    const make = (): Date => new Date()
    expect(timestamptz().onUpdate(make).spec.onUpdate).toBe(make)
  })
})

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
type ValueOf<C> = C extends Column<infer T, boolean, boolean> ? T : never
type OptionalOf<C> = C extends Column<unknown, infer O, boolean> ? O : never

it('has the types of its values', () => {
  const same = <A, B>(yes: Same<A, B>): void => expect(yes).toBe(true)
  const columns = {
    big: bigint({ mode: 'bigint' }),
    mood: enumeration('mood', ['ok', 'sad']),
    tags: array(text()),
    holes: array(text().nullable()),
    matrix: array(array(integer())),
    at: timestamptz(),
    until: timestamptz({ infinity: true }),
    local: timestamp({ mode: 'string' }),
    bytes: bytea(),
    point: custom(point),
    inferred: custom({
      sql: 'x',
      decode: (value) => ({ n: Number(value) }),
      encode: ({ n }) => String(n),
    }),
    touched: timestamptz().onUpdate(() => new Date()),
    settings: jsonb<{ theme: string }>(),
  }
  same<ValueOf<typeof columns.big>, bigint>(true)
  same<ValueOf<typeof columns.mood>, 'ok' | 'sad'>(true)
  same<ValueOf<typeof columns.tags>, string[]>(true)
  same<ValueOf<typeof columns.holes>, (string | null)[]>(true)
  same<ValueOf<typeof columns.matrix>, number[][]>(true)
  same<ValueOf<typeof columns.at>, Date>(true)
  same<ValueOf<typeof columns.until>, number | Date>(true)
  same<ValueOf<typeof columns.local>, string>(true)
  same<ValueOf<typeof columns.bytes>, Uint8Array>(true)
  same<ValueOf<typeof columns.point>, Point>(true)
  same<ValueOf<typeof columns.inferred>, { n: number }>(true)
  same<OptionalOf<typeof columns.touched>, true>(true)
  same<OptionalOf<typeof columns.at>, false>(true)
  same<ValueOf<typeof columns.settings>, { theme: string }>(true)
})

export const mistakes = [
  // @ts-expect-error a text has no default of now
  () => text().defaultNow(),
  // @ts-expect-error nor has a number
  () => integer().nullable().defaultNow(),
  // @ts-expect-error no such label
  () => enumeration('mood', ['ok']).default('sad'),
  // @ts-expect-error a number is no Date
  () => timestamptz().default(Infinity),
  // @ts-expect-error a text is no Date
  () => timestamptz().onUpdate(() => 'x'),
  // @ts-expect-error a number is no item of texts
  () => array(text()).default([1]),
]
