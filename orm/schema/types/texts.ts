import { isIP } from 'node:net'
import type { ColumnType } from '../column-type.ts'
import { textFormats } from './binary-formats.ts'
import { stringScalar, withModifiers } from './scalar.ts'
import { otherType } from './unreadable.ts'

const asString = (value: string): string => value

/** Whether PostgreSQL can store a string as it is: it has no U+0000, and half a surrogate pair would become U+FFFD. */
export function isPlainText(value: unknown): value is string {
  return typeof value === 'string' && value.isWellFormed() && !value.includes('\0')
}

const isString = (value: unknown): boolean => typeof value === 'string'

const textual = {
  kind: 'text',
  jsType: 'a string',
  expected: 'a well-formed string without the character U+0000',
  isComparable: true,
  // The column may be citext in the database, or have a collation that ignores case.
  hasExactText: false,
  isText: true,
  isType: isString,
  accepts: isPlainText,
  encode: asString,
  decode: asString,
  isSame: (value: unknown, text: string) => value === text,
} as const

const asItIs = { how: 'same' } as const

export const textType: ColumnType = stringScalar(
  { ...textual, cast: 'text' },
  { ...asItIs, binary: textFormats.text },
)
export const citextType: ColumnType = stringScalar(
  { ...textual, cast: 'citext', extension: 'citext' },
  asItIs,
)

/** `varchar`. PostgreSQL checks the length: patterns and values of filters may be longer. */
export function varcharType(length?: number): ColumnType {
  return stringScalar(
    { ...textual, cast: 'varchar', sql: withModifiers('varchar', length) },
    { ...asItIs, binary: textFormats.varchar },
  )
}

/** `char`: padded with spaces, which mean nothing in comparisons. The cast without a length is `bpchar`. */
export function charType(length: number): ColumnType {
  return stringScalar(
    {
      ...textual,
      cast: 'bpchar',
      sql: withModifiers('char', length),
      isSame: (value, text) =>
        value === text ||
        (typeof value === 'string' && withoutPadding(value) === withoutPadding(text)),
    },
    { binary: textFormats.bpchar },
  )
}

function withoutPadding(text: string): string {
  let end = text.length
  while (text[end - 1] === ' ') end -= 1
  return text.slice(0, end)
}

const uuidPattern = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i

export const uuidType: ColumnType = stringScalar({
  cast: 'uuid',
  kind: 'uuid',
  jsType: 'a string',
  expected: 'a UUID such as "0190b0c4-8d2e-7c3a-9a41-3f0a6c1d2e4f"',
  isComparable: true,
  hasExactText: true,
  isType: isString,
  accepts: (value) => typeof value === 'string' && uuidPattern.test(value),
  encode: (value: string) => value.toLowerCase(),
  decode: (text) => (text.length === 36 && text[8] === '-' ? text : otherType('uuid')),
  isSame: (value, text) =>
    value === text || (typeof value === 'string' && value.toLowerCase() === text),
})

const prefixLengths: Readonly<Record<number, number>> = { 4: 32, 6: 128 }

// PostgreSQL knows no zone of an address, `fe80::1%eth0`.
function isInet(value: unknown): boolean {
  if (typeof value !== 'string' || value.includes('%')) return false
  const [address = '', length, ...rest] = value.split('/')
  const longest = prefixLengths[isIP(address)]
  if (longest === undefined || rest.length > 0) return false
  return length === undefined || (/^\d{1,3}$/.test(length) && Number(length) <= longest)
}

// PostgreSQL leaves out the length of a whole address.
function normalInet(value: string): string {
  return value.toLowerCase().replace(value.includes(':') ? /\/128$/ : /\/32$/, '')
}

export const inetType: ColumnType = stringScalar({
  cast: 'inet',
  kind: 'inet',
  jsType: 'a string',
  expected: 'an IP address such as "10.0.0.1" or "2001:db8::/32"',
  isComparable: true,
  hasExactText: false,
  isType: isString,
  accepts: isInet,
  encode: asString,
  decode: (text) => (isInet(text) ? text : otherType('inet')),
  isSame: (value, text) =>
    value === text || (typeof value === 'string' && normalInet(value) === normalInet(text)),
})
