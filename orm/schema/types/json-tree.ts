import { isPlainObject } from '../../util/plain-object.ts'

/** Whether two trees of JSON say the same. Not recursive: documents may be deeper than the stack. */
export function sameTree(a: unknown, b: unknown, hasKeyOrder = false): boolean {
  const waiting: [unknown, unknown][] = [[a, b]]
  for (let pair = waiting.pop(); pair !== undefined; pair = waiting.pop()) {
    const [one, other] = pair
    if (one === other) continue
    if (!isTree(one) || !isTree(other) || Array.isArray(one) !== Array.isArray(other)) return false
    const keys = Object.keys(one)
    const others = Object.keys(other)
    if (keys.length !== others.length) return false
    for (const [index, key] of keys.entries()) {
      if (hasKeyOrder ? others[index] !== key : !Object.hasOwn(other, key)) return false
      waiting.push([memberOf(one, key), memberOf(other, key)])
    }
  }
  return true
}

// An object of a class, such as a Date, may be written as something else than its properties.
function isTree(value: unknown): value is object {
  if (typeof value !== 'object' || value === null) return false
  if (Array.isArray(value)) return true
  const { toJSON } = value as { toJSON?: unknown }
  return isPlainObject(value) && typeof toJSON !== 'function'
}

function memberOf(holder: object, key: string): unknown {
  return (holder as Record<string, unknown>)[key]
}

/** Like {@link memberOf}, without what an object inherits. */
export function ownMember(holder: object | undefined, key: string): unknown {
  return holder !== undefined && Object.hasOwn(holder, key) ? memberOf(holder, key) : undefined
}

export function objectOf(value: unknown): object | undefined {
  return typeof value === 'object' && value !== null ? value : undefined
}

/** What JSON.stringify takes in the place of a value. */
export function asJson(value: unknown, key: string): unknown {
  if (typeof value !== 'object' || value === null) return value
  const { toJSON } = value as { toJSON?: unknown }
  return typeof toJSON === 'function' ? (toJSON.call(value, key) as unknown) : value
}
