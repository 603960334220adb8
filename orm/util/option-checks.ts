import { DataBridgeError, describe } from '../errors.ts'
import { listed } from './messages.ts'

export function optionError(message: string): DataBridgeError {
  return new DataBridgeError('DATA_BRIDGE_ERR_OPTION', message)
}

/** Refuses unknown options: a misspelled option would have no effect. */
export function refuseUnknown(options: object, known: readonly string[], what: string): void {
  const unknown = Object.keys(options).find((key) => !known.includes(key))
  if (unknown === undefined) return
  throw optionError(`${what} has no option ${unknown}; it has ${listed(known)}`)
}

export function requireBoolean(option: string, value: unknown): void {
  if (value === undefined || typeof value === 'boolean') return
  throw optionError(`${option} expected true or false, got ${describe(value)}`)
}

export function requireCount(option: string, value: unknown): void {
  if (value === undefined || (Number.isInteger(value) && (value as number) >= 0)) return
  throw optionError(`${option} expected a whole number from 0, got ${describe(value)}`)
}

export function requireMilliseconds(option: string, value: unknown): void {
  if (value === undefined || (Number.isFinite(value) && (value as number) >= 0)) return
  throw optionError(`${option} expected a number of milliseconds from 0, got ${describe(value)}`)
}

export function requireOneOf(option: string, value: unknown, known: readonly string[]): void {
  if (value === undefined || known.some((one) => one === value)) return
  throw optionError(`${option} expected one of '${known.join("', '")}', got ${describe(value)}`)
}
