import type { ColumnType } from '../column-type.ts'
import { keepValue } from '../keep.ts'
import { xidFormat } from './binary-formats.ts'
import { scalar } from './scalar.ts'

const largest = 2 ** 32 - 1

/** The number of a transaction. Only the system column xmin has this type. */
export const xidType: ColumnType = scalar({
  cast: 'xid',
  kind: 'xid',
  jsType: 'a number',
  expected: `an integer from 0 to ${largest}`,
  isComparable: true,
  hasExactText: true,
  isType: (value) => typeof value === 'number',
  accepts: (value) =>
    Number.isInteger(value) && (value as number) >= 0 && (value as number) <= largest,
  encode: String,
  decode: Number,
  isSame: (value, text) => value === Number(text),
  keep: keepValue<number>('number', { encode: String, decode: Number }, { binary: xidFormat }),
})
