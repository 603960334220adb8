import { describe } from '../errors.ts'
import { optionError, refuseUnknown, requireOneOf } from '../util/option-checks.ts'
import { defaultMode, type NPlusOneMode, nPlusOneModes } from './mode.ts'

/** From how many statements on a pattern is a finding. */
export interface NPlusOneThresholds {
  /** Loads of a relation for entities of one list. Default: 2 from one loop, 3 otherwise; in the mode `'count'` 5. */
  readonly relation?: number | undefined
  /** Calls of `get()` from one loop. Default: 3; in the mode `'count'` 5. */
  readonly get?: number | undefined
  /** Other queries from one loop. Default: 3; in the mode `'count'` 5. */
  readonly query?: number | undefined
  /** Flushes, transactions and writes of your own SQL from one loop. Default: 3; in the mode `'count'` 5. */
  readonly write?: number | undefined
  /** Levels of a relation to the own table. Default: 4; in the mode `'count'` 5. */
  readonly recursive?: number | undefined
  /** Statements with the same values. Default: 2; in the mode `'count'` they are not looked for. */
  readonly duplicate?: number | undefined
}

/** How a database looks for N+1 patterns. */
export interface NPlusOneOptions {
  /** Default: `'detect'`, in production `'count'`. */
  readonly mode?: NPlusOneMode | undefined
  readonly thresholds?: NPlusOneThresholds | undefined
}

export type Thresholds = { readonly [Name in keyof NPlusOneThresholds]-?: number }

/** The options of {@link NPlusOneOptions}, with their defaults. */
export interface NPlusOneSettings {
  readonly mode: NPlusOneMode
  readonly thresholds: Thresholds
}

const detected: Thresholds = {
  relation: 2,
  get: 3,
  query: 3,
  write: 3,
  recursive: 4,
  duplicate: 2,
}

const counted: Thresholds = {
  relation: 5,
  get: 5,
  query: 5,
  write: 5,
  recursive: 5,
  duplicate: Infinity,
}

/** The settings of a database. */
export function settingsOf(
  options: NPlusOneMode | NPlusOneOptions | undefined,
  environment: NodeJS.ProcessEnv,
): NPlusOneSettings {
  const { mode = defaultMode(environment), thresholds } =
    typeof options === 'string' ? { mode: options } : (options ?? {})
  const usual = mode === 'count' ? counted : detected
  return { mode, thresholds: { ...usual, ...given(thresholds) } }
}

/** The settings of a session with a mode of its own. */
export function withMode(settings: NPlusOneSettings, mode: NPlusOneMode): NPlusOneSettings {
  if (mode === settings.mode) return settings
  return { ...settings, thresholds: mode === 'count' ? counted : detected, mode }
}

function given(thresholds: NPlusOneThresholds = {}): Partial<Thresholds> {
  const entries = Object.entries(thresholds).filter(([, value]) => value !== undefined)
  return Object.fromEntries(entries)
}

const optionNames = ['mode', 'thresholds']

/** Refuses options that are wrong or unknown. */
export function requireNPlusOne(options: unknown): void {
  if (options === undefined) return
  if (typeof options === 'string') return requireOneOf('nPlusOne', options, nPlusOneModes)
  if (typeof options !== 'object' || options === null) {
    throw optionError(
      `nPlusOne expected a mode (${nPlusOneModes.map((mode) => `'${mode}'`).join(', ')}) or an object of options, got ${describe(options)}`,
    )
  }
  refuseUnknown(options, optionNames, 'nPlusOne')
  const { mode, thresholds } = options as NPlusOneOptions
  requireOneOf('nPlusOne.mode', mode, nPlusOneModes)
  if (thresholds === undefined) return
  if (typeof thresholds !== 'object' || (thresholds as unknown) === null)
    throw optionError(`nPlusOne.thresholds expected an object, got ${describe(thresholds)}`)
  refuseUnknown(thresholds, Object.keys(detected), 'nPlusOne.thresholds')
  for (const [name, value] of Object.entries(thresholds) as [string, unknown][]) {
    if (value === undefined || (Number.isInteger(value) && (value as number) >= 2)) continue
    throw optionError(
      `nPlusOne.thresholds.${name} expected an integer from 2, got ${describe(value)}`,
    )
  }
}
