import type { ColumnType } from '../column-type.ts'
import { scalar } from './scalar.ts'
import { otherType } from './unreadable.ts'

const isBoolean = (value: unknown): boolean => typeof value === 'boolean'

export const booleanType: ColumnType = scalar({
  cast: 'boolean',
  kind: 'boolean',
  jsType: 'a boolean',
  expected: 'true or false',
  isComparable: true,
  hasExactText: true,
  isType: isBoolean,
  accepts: isBoolean,
  encode: (value: boolean) => (value ? 't' : 'f'),
  decode: (text) => text === 't' || (text === 'f' ? false : otherType('boolean')),
  isSame: (value, text) => value === (text === 't'),
})
