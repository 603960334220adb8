import { isPlainObject } from '../util/plain-object.ts'
import { findState } from './entity-state.ts'
import { RelationHandle } from './relation-handle.ts'

/**
 * Replaces each entity in a value by its JSON object, for code that reads properties and ignores `toJSON`.
 * An object without entities stays the same object. Dates and other values stay as they are.
 */
export function withPlainEntities(value: unknown, path: Set<object> = new Set()): unknown {
  if (typeof value !== 'object' || value === null || path.has(value)) return value
  if (hasOwnJson(value)) return value.toJSON()
  if (value instanceof RelationHandle)
    return value.isLoaded ? withPlainEntities(value.value, path) : value
  const isArray = Array.isArray(value)
  if (!isArray && !isPlainObject(value)) return value
  path.add(value)
  const plain = isArray ? plainArray(value, path) : plainObject(value, path)
  path.delete(value)
  return plain
}

/** Whether it is an entity, or the list of a query. */
function hasOwnJson(value: object): value is { toJSON(): unknown } {
  return findState(value) !== undefined || (Array.isArray(value) && Object.hasOwn(value, 'toJSON'))
}

function plainArray(array: readonly unknown[], path: Set<object>): readonly unknown[] {
  let plain: unknown[] | undefined
  for (let index = 0; index < array.length; index += 1) {
    const value = withPlainEntities(array[index], path)
    if (value === array[index]) continue
    plain ??= array.slice()
    plain[index] = value
  }
  return plain ?? array
}

function plainObject(object: object, path: Set<object>): object {
  let plain: object | undefined
  for (const key of Object.keys(object)) {
    const given = (object as Record<string, unknown>)[key]
    if (typeof given !== 'object' || given === null) continue
    const value = withPlainEntities(given, path)
    if (value === given) continue
    plain ??= { ...object }
    Object.defineProperty(plain, key, { value })
  }
  return plain ?? object
}
