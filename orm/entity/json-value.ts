import { jsonOfDate } from './iso-text.ts'

/** A value that `JSON.stringify` can write: integers beyond its numbers as text, bytes as base64. */
export function jsonValue(value: unknown): unknown {
  if (typeof value === 'bigint') return String(value)
  if (typeof value !== 'object') return value
  if (value instanceof Uint8Array) return base64(value)
  return Array.isArray(value) ? value.map(jsonValue) : value
}

/** The same, with the texts of Dates. */
export function jsonText(value: unknown): unknown {
  if (value instanceof Date) return jsonOfDate(value)
  return Array.isArray(value) ? value.map(jsonText) : jsonValue(value)
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64')
}
