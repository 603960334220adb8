import { describe } from '../../errors.ts'
import { listed } from '../../util/messages.ts'
import { requireIdentifier } from '../names.ts'
import { schemaError } from '../schema-error.ts'

/** The name of a column, or its options; `varchar` takes its length too. */
type Given<Options> = string | number | Options | undefined

/** Checks the options of a column. A string is its name. A misspelled option would have no effect. */
export function columnOptions<Options extends { readonly name?: string }>(
  column: string,
  given: Given<Options>,
  known: readonly (keyof Options & string)[],
): Options {
  const options: unknown = typeof given === 'string' ? { name: given } : (given ?? {})
  if (typeof options !== 'object' || options === null || Array.isArray(options))
    throw schemaError(`${column}() expected a name or an object of options, got ${describe(given)}`)
  const unknown = Object.keys(options).find((key) => !known.some((name) => name === key))
  if (unknown !== undefined)
    throw schemaError(`${column}() has no option ${unknown}; it has ${listed(known)}`)
  const { name } = options as { name?: unknown }
  if (name !== undefined) requireIdentifier(`${column}()`, 'a name for the column', name)
  return options as Options
}

/** Refuses a modifier of a type that is not a whole number within its limits. */
export function requireWhole(
  column: string,
  option: string,
  value: unknown,
  least: number,
  greatest: number,
): void {
  if (value === undefined) return
  if (Number.isInteger(value) && (value as number) >= least && (value as number) <= greatest) return
  throw schemaError(
    `${column}() expected ${option} to be an integer from ${least} to ${greatest}, got ${describe(value)}`,
  )
}

export function requireFlag(column: string, option: string, value: unknown): void {
  if (value === undefined || typeof value === 'boolean') return
  throw schemaError(`${column}() expected ${option} to be true or false, got ${describe(value)}`)
}

export function requireMode(column: string, value: unknown, modes: readonly string[]): void {
  if (modes.some((mode) => mode === value)) return
  throw schemaError(
    `${column}() expected the mode to be one of '${modes.join("', '")}', got ${describe(value)}`,
  )
}
