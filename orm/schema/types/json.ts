import type { ColumnType } from '../column-type.ts'
import { keepNumbers } from './json-numbers.ts'
import { asJson, sameTree } from './json-tree.ts'
import { scalar } from './scalar.ts'
import { otherType, UnwritableError } from './unreadable.ts'

/** Whether JSON has a text for it, or would have one if it were less deep, or shorter. */
function isDocument(value: unknown): boolean {
  try {
    return JSON.stringify(value) !== undefined
  } catch (error) {
    return error instanceof RangeError
  }
}

// JSON writes U+0000 and half of a surrogate pair as escapes, behind an even number of backslashes.
const refusedEscape = /(?<!\\)(?:\\\\)*\\u(?:0000|d[89a-f])/

// A cycle or a bigint is no JSON: the caller says what was expected and what it got.
function jsonText(value: unknown): string | undefined {
  try {
    return JSON.stringify(value)
  } catch {
    return undefined
  }
}

function isJson(value: unknown): boolean {
  const text = jsonText(value)
  if (text === undefined || refusedEscape.test(text)) return false
  return !hasNumber(value, text, Number.isNaN)
}

const isInfinite = (value: number): boolean => value === Infinity || value === -Infinity

function encodeJson(value: unknown): string {
  const text = JSON.stringify(value)
  // An Infinity may be PostgreSQL's 1e400: then the stored text has it, see keepNumbers.
  if (!hasNumber(value, text, isInfinite)) return text
  throw new UnwritableError('expected numbers that JSON can hold, got Infinity')
}

// JSON.stringify writes null for numbers that JSON does not have: most texts need no look at the value.
function hasNumber(value: unknown, text: string, test: (value: number) => boolean): boolean {
  return text.includes('null') && someNumber(value, test)
}

// Without calls of itself: a client may send a document of any depth.
function someNumber(document: unknown, test: (value: number) => boolean): boolean {
  const waiting: [key: string, value: unknown][] = [['', document]]
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const value = asJson(next[1], next[0])
    if (typeof value === 'number' && test(value)) return true
    if (typeof value === 'object' && value !== null)
      for (const entry of Object.entries(value)) waiting.push(entry)
  }
  return false
}

function encodeJsonChange(value: unknown, stored: string): string {
  const kept = keepNumbers(value, stored)
  return kept === undefined ? encodeJson(value) : JSON.stringify(kept.tree)
}

function decodeJson(text: string, cast: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return otherType(cast)
  }
}

function isSameJson(value: unknown, text: string, hasKeyOrder: boolean): boolean {
  const stored: unknown = JSON.parse(text)
  if (sameTree(value, stored, hasKeyOrder)) return true
  // What JSON leaves out or writes otherwise: undefined, a Date, a toJSON.
  const now = jsonText(value)
  return now !== undefined && sameTree(JSON.parse(now), stored, hasKeyOrder)
}

function jsonOf(cast: 'json' | 'jsonb'): ColumnType {
  return scalar({
    cast,
    kind: cast,
    jsType: 'a value that JSON can hold',
    expected:
      'a value that JSON can hold, with finite numbers and well-formed strings without U+0000',
    // Two documents are equal in too many forms, and `json` has no comparison at all.
    isComparable: false,
    hasExactText: false,
    isType: isDocument,
    accepts: isJson,
    encode: encodeJson,
    decode: (text) => decodeJson(text, cast),
    // `json` keeps the order of keys, `jsonb` sorts them.
    isSame: (value, text) => isSameJson(value, text, cast === 'json'),
    encodeChange: encodeJsonChange,
  })
}

export const jsonType: ColumnType = jsonOf('json')
export const jsonbType: ColumnType = jsonOf('jsonb')

/** Whether a column holds documents, or arrays of them. */
export function hasDocuments(type: ColumnType): boolean {
  return isJsonType(type) || (type.items !== undefined && hasDocuments(type.items.type))
}

export function isJsonType(type: ColumnType): boolean {
  return type === jsonType || type === jsonbType
}
