import type { DataBridgeError } from '../errors.ts'

/** What PostgreSQL reports about a violated constraint. It has values: never put it into a message. */
export interface Violation {
  readonly sqlState: string
  readonly schema: string | undefined
  readonly table: string | undefined
  readonly column: string | undefined
  readonly constraint: string | undefined
  readonly detail: string | undefined
}

const violations = new WeakMap<DataBridgeError, Violation>()

export function keepViolation(error: DataBridgeError, violation: Violation): void {
  violations.set(error, violation)
}

/** The violation behind an error of this library; undefined for other errors. */
export function violationOf(error: unknown): Violation | undefined {
  return violations.get(error as DataBridgeError)
}

// The detail has `(columns)=(values)` in every language: PostgreSQL builds that part before it translates.
const between = ')=('

/** The names of the columns in a detail; undefined if the list has something other than names, such as an expression. */
export function columnsInDetail(detail: string | undefined): readonly string[] | undefined {
  const start = detail?.indexOf('(') ?? -1
  const end = detail?.indexOf(between) ?? -1
  if (detail === undefined || start === -1 || end < start) return undefined
  const names = detail.slice(start + 1, end).split(', ')
  return names.every(isName) ? names.map(unquoted) : undefined
}

/** Whether a detail has exactly these values. */
export function hasValues(detail: string | undefined, texts: readonly string[]): boolean {
  const start = detail?.indexOf(between) ?? -1
  if (detail === undefined || start === -1) return false
  const rest = detail.slice(start + between.length)
  const values = `${texts.join(', ')})`
  // A further parenthesis may belong to a longer value that begins in the same way.
  return rest.startsWith(values) && !rest.slice(values.length).includes(')')
}

function isName(name: string): boolean {
  return /^(?:[\p{L}_][\p{L}\d_$]*|"(?:[^"]|"")+")$/u.test(name)
}

function unquoted(name: string): string {
  return name.startsWith('"') ? name.slice(1, -1).replaceAll('""', '"') : name
}
