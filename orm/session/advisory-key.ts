import { describe } from '../errors.ts'
import { optionError } from '../util/option-checks.ts'

/**
 * What an advisory lock is about: a text, a whole number of 64 bits, or two whole numbers of 32 bits. The database
 * gives it no meaning: all who take the lock agree on it.
 */
export type AdvisoryKey = string | number | bigint | readonly [number, number]

/** The arguments that PostgreSQL takes for a key, and their values. */
export interface KeyArguments {
  readonly text: string
  readonly parameters: readonly string[]
}

// PostgreSQL hashes a text, so that others can take the same lock with SQL of their own.
const hashed = 'hashtextextended($1::text, 0)'
const longest = 2n ** 63n
const longestOfTwo = 2 ** 31

export function argumentsOf(key: unknown, where: string): KeyArguments {
  if (typeof key === 'string' && !key.includes('\0')) return { text: hashed, parameters: [key] }
  if (Number.isSafeInteger(key) || isLong(key))
    return { text: '$1::bigint', parameters: [String(key)] }
  if (Array.isArray(key) && key.length === 2 && key.every(isShort))
    return { text: '$1::integer, $2::integer', parameters: key.map(String) }
  throw optionError(
    `${where} expected a text without the character 0, a safe integer or a bigint of 64 bits, or two integers of 32 bits, got ${describe(key)}`,
  )
}

function isLong(key: unknown): key is bigint {
  return typeof key === 'bigint' && key >= -longest && key < longest
}

function isShort(key: unknown): key is number {
  return Number.isInteger(key) && Math.abs((key as number) + 0.5) < longestOfTwo
}
