import type { ColumnType } from '../column-type.ts'
import { keepValue } from '../keep.ts'
import { boolFormat } from './binary-formats.ts'
import { scalar } from './scalar.ts'
import { otherType } from './unreadable.ts'

const isBoolean = (value: unknown): boolean => typeof value === 'boolean'

const codec = {
  encode: (value: boolean) => (value ? 't' : 'f'),
  decode: (text: string) => text === 't' || (text === 'f' ? false : otherType('boolean')),
}

export const booleanType: ColumnType = scalar({
  cast: 'boolean',
  kind: 'boolean',
  jsType: 'a boolean',
  expected: 'true or false',
  isComparable: true,
  hasExactText: true,
  isType: isBoolean,
  accepts: isBoolean,
  ...codec,
  isSame: (value, text) => value === (text === 't'),
  keep: keepValue<boolean>('boolean', codec, { binary: boolFormat }),
})
