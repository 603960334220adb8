import { hash } from 'node:crypto'
import { inspect } from 'node:util'

/** A text that only the same values have. The length of each value keeps ('a', 'bc') from ('ab', 'c'). */
export function keyOf(values: readonly unknown[]): string {
  let key = ''
  for (const value of values) {
    const text = textOf(value)
    key += `${typeof value}${text.length}:${text};`
  }
  return key.length > 40 ? hash('sha1', key) : key
}

// JSON has neither a bigint nor an object that leads to itself.
const whole = {
  depth: Infinity,
  maxArrayLength: Infinity,
  maxStringLength: Infinity,
  breakLength: Infinity,
}

function textOf(value: unknown): string {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('latin1')
  return typeof value === 'object' ? inspect(value, whole) : String(value)
}
