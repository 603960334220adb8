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
  table,
  text,
  time,
  timestamp,
  timestamptz,
  uuid,
  varchar,
} from '../../../orm/index.ts'

/** A value of a class with a private field, which no structured clone keeps. */
export class Point {
  readonly #x: number
  readonly #y: number

  constructor(x: number, y: number) {
    this.#x = x
    this.#y = y
  }

  get text(): string {
    return `(${this.#x},${this.#y})`
  }

  static of(text: string): Point {
    const [x, y] = text.slice(1, -1).split(',').map(Number)
    return new Point(x as number, y as number)
  }
}

const pointType: CustomType<Point> = {
  sql: 'point',
  isComparable: false,
  decode: Point.of,
  encode: ({ text: written }) => written,
  isType: (value) => value instanceof Point,
}

export const labels = ['ok', 'so, so', '{"}', 'NULL', "it's ä", 'back\\slash'] as const

/** A column of each type. */
export const types = {
  smallint: smallint(),
  integer: integer(),
  bigString: bigint(),
  bigNumber: bigint({ mode: 'number' }),
  bigBigint: bigint({ mode: 'bigint' }),
  real: real(),
  double: double(),
  money: numeric({ precision: 12, scale: 2 }),
  numeric: numeric(),
  text: text(),
  varchar: varchar(40),
  char: char(5),
  citext: citext(),
  boolean: boolean(),
  uuid: uuid(),
  date: date(),
  time: time(),
  timestamp: timestamp(),
  timestampText: timestamp({ mode: 'string' }),
  millis: timestamptz({ precision: 3 }),
  micros: timestamptz({ precision: 6 }),
  infinite: timestamptz({ infinity: true }),
  interval: interval(),
  bytes: bytea(),
  json: json(),
  jsonb: jsonb(),
  inet: inet(),
  mood: enumeration('Mo"od', labels),
  texts: array(text().nullable()),
  integers: array(integer()),
  matrix: array(array(integer().nullable())),
  instants: array(timestamptz({ infinity: true })),
  moods: array(enumeration('Mo"od', labels)),
  documents: array(jsonb()),
  blobs: array(bytea()),
  point: custom(pointType),
}

export type TypeName = keyof typeof types

/** A value of the type of a column. */
export type ValueOf<Name extends TypeName> = (typeof types)[Name]['_value']

type Optional = {
  [Name in TypeName as `maybe${Capitalize<Name>}`]: Column<ValueOf<Name> | null, true>
}

export function optional<Name extends TypeName>(name: Name): `maybe${Capitalize<Name>}` {
  return `maybe${name[0]?.toUpperCase()}${name.slice(1)}` as `maybe${Capitalize<Name>}`
}

export const typeNames = Object.keys(types) as TypeName[]

/** Every type twice: with a value, and perhaps without. */
export class Wide extends table('wide', {
  id: integer().primaryKey().generated(),
  ...types,
  ...(Object.fromEntries(
    typeNames.map((name) => [optional(name), (types[name] as Column<unknown>).nullable()]),
  ) as Optional),
}) {}

/** The columns of an entity without its class. */
export function columnsOf(entity: object | undefined): Record<string, unknown> {
  return Object.fromEntries(Object.entries(entity ?? {}))
}

/** For `expect.addEqualityTesters`: points are equal where their texts are. */
export function samePoints(one: unknown, other: unknown): boolean | undefined {
  return one instanceof Point && other instanceof Point ? one.text === other.text : undefined
}
