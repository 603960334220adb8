import type { DataBridgeError } from '../errors.ts'

/** What PostgreSQL says of a constraint that is violated, its values included: never for a message. */
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

/** Of an error of this library that stands for one. */
export function violationOf(error: unknown): Violation | undefined {
  return violations.get(error as DataBridgeError)
}

// In every language a detail has `(columns)=(values)`, which PostgreSQL builds before it translates.
const between = ')=('

/** The names of the columns in a detail; undefined where something else than a name is among them. */
export function columnsInDetail(detail: string | undefined): readonly string[] | undefined {
  const start = detail?.indexOf('(') ?? -1
  const end = detail?.indexOf(between) ?? -1
  if (detail === undefined || start === -1 || end < start) return undefined
  const names = detail.slice(start + 1, end).split(', ')
  return names.every(isName) ? names.map(unquoted) : undefined
}

/** Whether a detail has these values, and they alone can be meant. */
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
