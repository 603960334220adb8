import { describe } from '../errors.ts'
import { optionError, refuseUnknown, requireOneOf } from '../util/option-checks.ts'
import { AllowList, type NPlusOneAllowance, requireAllowances } from './allow-list.ts'
import { type Channels, channelsOf, type NPlusOneChannels, requireChannels } from './channels.ts'
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
  /**
   * Patterns that are accepted. At the end of the application, entries that have matched nothing are reported.
   *
   * @example
   * ```ts
   * import Fastify from 'fastify'
   * import dataBridge from 'fastify-data-bridge'
   * import { Post } from './entities.ts'
   *
   * const app = Fastify()
   * app.register(dataBridge, {
   *   nPlusOne: {
   *     allow: [
   *       { relation: Post.comments, reason: 'a page has three posts', until: '2030-01-01' },
   *       { target: 'User', kind: 'n1.get', route: 'POST /import', reason: 'runs once a year' },
   *     ],
   *   },
   * })
   * ```
   */
  readonly allow?: readonly NPlusOneAllowance[] | undefined
  /** Where findings are told. By default everywhere. */
  readonly channels?: NPlusOneChannels | undefined
}

export type Thresholds = { readonly [Name in keyof NPlusOneThresholds]-?: number }

/** The options of {@link NPlusOneOptions}, with their defaults. */
export interface NPlusOneSettings {
  readonly mode: NPlusOneMode
  readonly thresholds: Thresholds
  readonly allow: AllowList
  readonly channels: Channels
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
  const {
    mode = defaultMode(environment),
    thresholds,
    allow,
    channels,
  }: NPlusOneOptions = typeof options === 'string' ? { mode: options } : (options ?? {})
  requireOutsideProduction(mode, environment)
  const usual = mode === 'count' ? counted : detected
  return {
    mode,
    thresholds: { ...usual, ...given(thresholds) },
    allow: new AllowList(allow),
    channels: channelsOf(channels),
  }
}

/** The settings of a session with a mode of its own. */
export function withMode(
  settings: NPlusOneSettings,
  mode: NPlusOneMode,
  environment: NodeJS.ProcessEnv,
): NPlusOneSettings {
  if (mode === settings.mode) return settings
  requireOutsideProduction(mode, environment)
  return { ...settings, thresholds: mode === 'count' ? counted : detected, mode }
}

/** A finding is no reason to fail the requests of users. */
function requireOutsideProduction(mode: NPlusOneMode, { NODE_ENV }: NodeJS.ProcessEnv): void {
  if (mode !== 'strict' || NODE_ENV !== 'production') return
  throw optionError(
    "nPlusOne expected 'off', 'count' or 'detect' where NODE_ENV is production, got 'strict': it fails requests",
  )
}

function given(thresholds: NPlusOneThresholds = {}): Partial<Thresholds> {
  const entries = Object.entries(thresholds).filter(([, value]) => value !== undefined)
  return Object.fromEntries(entries)
}

const optionNames = ['mode', 'thresholds', 'allow', 'channels']

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
  const { mode, thresholds, allow, channels } = options as NPlusOneOptions
  requireOneOf('nPlusOne.mode', mode, nPlusOneModes)
  requireAllowances(allow)
  requireChannels(channels)
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
