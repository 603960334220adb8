import { isDeepStrictEqual } from 'node:util'

/** Names the first place where a result differs from the expected one. Undefined if they are equal. */
export function differenceOf(
  found: unknown,
  expected: unknown,
  path = 'result',
): string | undefined {
  if (isDeepStrictEqual(found, expected)) return undefined
  if (isObject(found) && isObject(expected)) {
    for (const key of new Set([...Object.keys(expected), ...Object.keys(found)])) {
      const inside = differenceOf(found[key], expected[key], `${path}.${key}`)
      if (inside !== undefined) return inside
    }
  }
  return `${path}: expected ${short(expected)}, got ${short(found)}`
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !(value instanceof Date)
}

function short(value: unknown): string {
  return String(JSON.stringify(value)).slice(0, 500)
}
