import {
  boolean,
  date,
  double,
  enumeration,
  integer,
  numeric,
  text,
  timestamptz,
  uuid,
} from '../../../../orm/index.ts'

/** A value in three forms: as PostgreSQL's text, as JavaScript has it, and as a place among all others of its kind. */
export interface Cell {
  readonly text: string
  readonly value: unknown
  /** Its place in the order; equal values have one. */
  readonly rank: number
  /** The place of what a JavaScript value of it stands for: a Date is a whole millisecond. */
  readonly place: number
}

export type Kind =
  | 'integer'
  | 'text'
  | 'boolean'
  | 'double'
  | 'numeric'
  | 'timestamptz'
  | 'uuid'
  | 'mood'
  | 'date'

const cell = (text: string, value: unknown, rank: number, place = rank): Cell => ({
  text,
  value,
  rank,
  place,
})
const inOrder = (...values: readonly unknown[]): readonly Cell[] =>
  values.map((value, rank) => cell(String(value), value, rank))

export const integerCell = (value: number): Cell => cell(String(value), value, value)

const moment = (text: string, rank: number, place: number): Cell =>
  cell(text, new Date(text.replace(/(?<=\.\d{3})\d+/, '')), rank, place)

/** What columns hold. Texts are chosen so that every collation has them in one order. */
export const cells: Readonly<Record<Kind, readonly Cell[]>> = {
  integer: [-1, 0, 1, 2, 3].map(integerCell),
  text: inOrder('', 'a', 'ab', 'b', 'bc'),
  boolean: inOrder(false, true),
  double: inOrder(-Infinity, -0.5, 0, 0.1, 1e300, Infinity, Number.NaN),
  numeric: [
    cell('-2.50', '-2.50', 0),
    cell('0', '0', 1),
    cell('0.00', '0.00', 1),
    cell('12345678901234567890.1', '12345678901234567890.1', 2),
    cell('NaN', 'NaN', 3),
  ],
  timestamptz: [
    cell('-infinity', -Infinity, 0),
    moment('2024-02-29T11:59:59.999999Z', 1, 1),
    moment('2024-02-29T12:00:00.000000Z', 2, 2),
    moment('2024-02-29T12:00:00.000001Z', 3, 2),
    moment('2024-02-29T12:00:00.000999Z', 4, 2),
    moment('2024-02-29T12:00:00.001000Z', 5, 3),
    cell('infinity', Infinity, 6, 4),
  ],
  uuid: inOrder('00000000-0000-4000-8000-00000000000a', 'a0000000-0000-4000-8000-000000000000'),
  mood: inOrder('wild', 'calm', 'sad'),
  date: inOrder('1969-12-31', '2024-02-29', '2024-03-01'),
}

/** One column of each kind. */
export const valueColumns = () => ({
  n: integer().nullable(),
  name: text().nullable(),
  flag: boolean().nullable(),
  x: double().nullable(),
  amount: numeric().nullable(),
  at: timestamptz({ precision: 6, infinity: true }).nullable(),
  token: uuid().nullable(),
  mood: enumeration('mood', ['wild', 'calm', 'sad']).nullable(),
  day: date().nullable(),
})

export const valueKinds: Readonly<Record<string, Kind>> = {
  n: 'integer',
  name: 'text',
  flag: 'boolean',
  x: 'double',
  amount: 'numeric',
  at: 'timestamptz',
  token: 'uuid',
  mood: 'mood',
  day: 'date',
}
