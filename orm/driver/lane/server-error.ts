import pg from 'pg'
import { utf8At } from './bytes.ts'

// The letters of PostgreSQL's fields, and what `pg` calls them.
const names: Readonly<Record<string, string>> = {
  S: 'severity',
  C: 'code',
  D: 'detail',
  H: 'hint',
  P: 'position',
  p: 'internalPosition',
  q: 'internalQuery',
  W: 'where',
  s: 'schema',
  t: 'table',
  c: 'column',
  d: 'dataType',
  n: 'constraint',
  F: 'file',
  L: 'line',
  R: 'routine',
}

/** The error of an ErrorResponse, as `pg` makes it. Its body lies between `at` and `end`. */
export function serverError(bytes: Buffer, at: number, end: number): Error {
  let message = ''
  const fields: Record<string, string | undefined> = {}
  for (const name of Object.values(names)) fields[name] = undefined
  let next = at
  while (next < end && bytes[next] !== 0) {
    const letter = String.fromCharCode(bytes[next]!)
    const stop = bytes.indexOf(0, next + 1)
    const value = utf8At(bytes, next + 1, stop)
    if (letter === 'M') message = value
    const name = names[letter]
    if (name !== undefined) fields[name] = value
    next = stop + 1
  }
  return Object.assign(new pg.DatabaseError(message, end - at + 4, 'error'), fields)
}

/** Whether `pg` made an error from an ErrorResponse. Not `instanceof`: there may be several copies of `pg`. */
export function isServerError(error: unknown): boolean {
  const { name, severity } = (error ?? {}) as { name?: unknown; severity?: unknown }
  return name === 'error' && typeof severity === 'string'
}
