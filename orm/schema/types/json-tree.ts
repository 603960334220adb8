/** Whether two trees of JSON say the same. */
export function sameTree(a: unknown, b: unknown, hasKeyOrder = false): boolean {
  if (a === b) return true
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false
  if (Array.isArray(a) !== Array.isArray(b)) return false
  const keys = Object.keys(a)
  const others = Object.keys(b)
  if (keys.length !== others.length) return false
  return keys.every(
    (key, index) =>
      (hasKeyOrder ? others[index] === key : Object.hasOwn(b, key)) &&
      sameTree(memberOf(a, key), memberOf(b, key), hasKeyOrder),
  )
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
