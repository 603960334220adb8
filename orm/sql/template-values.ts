import { byteaType } from '../schema/types/bytes.ts'
import { findState } from '../entity/entity-state.ts'
import { DataBridgeError, describe } from '../errors.ts'
import { type ArrayItems, arrayLiteral } from '../schema/types/array-text.ts'
import { jsonbType } from '../schema/types/json.ts'
import { timestamptzType } from '../schema/types/timestamps.ts'
import { UnwritableError } from '../schema/types/unreadable.ts'
import { isSqlNode, type Parameter } from './node.ts'
import { standsFor } from './stand-in.ts'

/**
 * A value as PostgreSQL takes it without knowing its type.
 *
 * @param place where it stands, for messages: `its parameter 1`
 */
export function parameterOf(value: unknown, place: string): Parameter {
  if (value === null) return null
  if (typeof value === 'string') return requireText(value, place)
  if (typeof value === 'number' || typeof value === 'bigint' || typeof value === 'boolean')
    return String(value)
  if (timestamptzType.accepts(value)) return timestamptzType.encode(value as never)
  if (value instanceof Uint8Array) return value
  if (Array.isArray(value)) return arrayLiteral(elementsOf(value, place, 1))
  if (isDocument(value)) return documentText(value, place)
  throw new DataBridgeError(
    'DATA_BRIDGE_ERR_QUERY',
    `sql expected a value for ${place}, got ${described(value)}`,
  )
}

/** Whether an object says as JSON what it is: a Map would be `{}`, and so would a promise. */
function isDocument(value: unknown): value is object {
  if (typeof value !== 'object' || value === null || value instanceof Date) return false
  if (isSqlNode(value) || findState(value) !== undefined || standsFor(value) !== undefined)
    return false
  if ('then' in value && typeof value.then === 'function') return false
  const hasJson = 'toJSON' in value && typeof value.toJSON === 'function'
  return hasJson || Object.prototype.toString.call(value) === '[object Object]'
}

function documentText(value: object, place: string): string {
  try {
    if (jsonbType.accepts(value)) return jsonbType.encode(value as never)
  } catch (cause) {
    if (!(cause instanceof UnwritableError)) throw cause
  }
  throw new DataBridgeError(
    jsonbType.isType(value) ? 'DATA_BRIDGE_ERR_INVALID_VALUE' : 'DATA_BRIDGE_ERR_QUERY',
    `sql expected ${jsonbType.expected} for ${place}, got ${describe(value)}`,
  )
}

function described(value: unknown): string {
  const table = findState(value)?.table
  if (table !== undefined) return `an entity of ${table.entityName}: give one of its columns`
  if (isSqlNode(value)) return 'SQL in an array: put it into the template itself'
  return standsFor(value) ?? describe(value)
}

// As many as PostgreSQL's arrays have. A client may send any number, and an array may hold itself.
const mostDimensions = 6

function elementsOf(values: readonly unknown[], place: string, dimension: number): ArrayItems {
  if (dimension <= mostDimensions)
    return Array.from(values, (value) =>
      Array.isArray(value) ? elementsOf(value, place, dimension + 1) : elementOf(value, place),
    )
  throw new DataBridgeError(
    'DATA_BRIDGE_ERR_INVALID_VALUE',
    `sql expected an array of at most ${mostDimensions} dimensions for ${place}, got more`,
  )
}

function elementOf(value: unknown, place: string): string | null {
  const text = parameterOf(value, place)
  if (text instanceof Uint8Array) {
    throw new DataBridgeError(
      'DATA_BRIDGE_ERR_QUERY',
      `sql cannot bind an array of bytes as ${place}`,
    )
  }
  return text
}

// PostgreSQL takes neither, and a lone surrogate would be stored as another character.
function requireText(value: string, place: string): string {
  if (value.isWellFormed() && !value.includes('\0')) return value
  throw new DataBridgeError(
    'DATA_BRIDGE_ERR_INVALID_VALUE',
    `sql expected text without U+0000 and lone surrogates for ${place}`,
  )
}

/** PostgreSQL's text of a value whose type it finds out by itself. */
export function untypedText(value: unknown): string {
  const parameter = parameterOf(value, 'a comparison')
  return parameter instanceof Uint8Array
    ? byteaType.encode(parameter as never)
    : (parameter as string)
}
