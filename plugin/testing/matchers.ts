import { describe, optionError } from '../../orm/index.ts'
import { findingsText, placeOf, siteText, statementsText } from './messages.ts'
import type { QueryCounts, QueryRecord } from './query-record.ts'
import { recorderOf } from './recorder.ts'

/** What a matcher says. It is what `expect.extend()` of vitest and Jest takes. */
export interface MatcherResult {
  readonly pass: boolean
  readonly message: () => string
  readonly actual?: unknown
  readonly expected?: unknown
}

/** What test runners call a matcher on. */
interface MatcherState {
  /** Whether it was called by `.not`. */
  readonly isNot?: boolean
}

export interface ImplicitLoadsOptions {
  /** Relations that may be loaded lazily: `['User.avatar']`. */
  readonly except?: readonly string[]
}

/** The matchers, for a test runner whose `expect` takes them. With vitest, import `fastify-data-bridge/testing/vitest`. */
export interface QueryMatchers {
  /**
   * Fails with the findings of a record, those that are only information excepted. Also fails, as *inconclusive*, if
   * relations were loaded lazily for a list with fewer than two rows, or if nothing was recorded: then nobody knows.
   */
  toHaveNoNPlusOne(received: unknown): MatcherResult
  /** Fails unless there were so many statements; with an object, so many of each kind that it names. */
  toHaveQueryCount(received: unknown, expected: number | Partial<QueryCounts>): MatcherResult
  /** Fails if there were more statements. */
  toHaveQueryCountAtMost(received: unknown, most: number): MatcherResult
  /** Fails if relations were loaded lazily, other than those of `except`. */
  toHaveNoImplicitLoads(received: unknown, options?: ImplicitLoadsOptions): MatcherResult
}

/**
 * Matchers for what `injectWithDb()` and `recordQueries()` give, as plain functions.
 *
 * @example
 * ```ts
 * import assert from 'node:assert'
 * import { type QueryRecord, queryMatchers } from 'fastify-data-bridge/testing'
 *
 * export function assertNoNPlusOne(db: QueryRecord): void {
 *   const { pass, message } = queryMatchers.toHaveNoNPlusOne(db)
 *   assert(pass, message())
 * }
 * ```
 */
export const queryMatchers: QueryMatchers = {
  toHaveNoNPlusOne(this: unknown, received) {
    const db = recordIn(received)
    const isNot = (this as MatcherState | undefined)?.isNot === true
    const findings = db.findings.filter(({ severity }) => severity !== 'info')
    if (isNot) recorderOf(db)?.expectFindings()
    if (findings.length > 0) {
      const text = findingsText(findings, db.route)
      return { pass: false, message: () => `Expected no N+1 pattern, got:\n\n${text}` }
    }
    const doubt = doubtOf(db)
    // Neither the assertion nor its opposite holds.
    if (doubt !== undefined) return { pass: isNot, message: () => doubt }
    return {
      pass: true,
      message: () => `Expected an N+1 pattern${placeOf(db)}, got none${statementsText(db)}`,
    }
  },

  toHaveQueryCount(received, expected) {
    const db = recordIn(received)
    const wanted = typeof expected === 'number' ? { total: expected } : expected
    requireCounts(wanted)
    const names = Object.keys(wanted) as (keyof QueryCounts)[]
    const actual = Object.fromEntries(names.map((name) => [name, db.counts[name]]))
    const pass = names.every((name) => db.counts[name] === wanted[name])
    const message = (): string =>
      `Expected ${pass ? 'other than ' : ''}${countsText(wanted)}${placeOf(db)}, got ${countsText(actual)}${statementsText(db)}${noSession(db)}`
    return { pass, message, actual, expected: wanted }
  },

  toHaveQueryCountAtMost(received, most) {
    const db = recordIn(received)
    requireCounts({ total: most })
    const pass = db.queryCount <= most
    const message = (): string =>
      `Expected ${pass ? 'more than' : 'at most'} ${queries(most)}${placeOf(db)}, got ${db.queryCount}${statementsText(db)}${noSession(db)}`
    return { pass, message, actual: db.queryCount, expected: most }
  },

  toHaveNoImplicitLoads(received, { except = [] } = {}) {
    const db = recordIn(received)
    const loads = db.implicitLoads.filter(({ relation }) => !except.includes(relation))
    const lines = loads.map(({ relation, count, site }) => {
      const place = site === undefined ? '' : `  at ${siteText(site)}`
      return `  ${count}× ${relation}${place}`
    })
    const pass = loads.length === 0
    const message = (): string =>
      pass
        ? `Expected lazy loads${placeOf(db)}, got none`
        : `Expected no lazy loads${placeOf(db)}, got:\n${lines.join('\n')}`
    return { pass, message }
  },
}

/**
 * The statements of a record, one a line, in their order: for a snapshot.
 *
 * @example
 * ```ts
 * import assert from 'node:assert'
 * import { type QueryRecord, querySnapshot } from 'fastify-data-bridge/testing'
 *
 * export function assertStatements(db: QueryRecord, expected: string): void {
 *   assert.equal(querySnapshot(db), expected)
 * }
 * ```
 */
export function querySnapshot(received: QueryRecord): string {
  const { statements, truncated, queryCount } = recordIn(received)
  if (truncated) {
    throw optionError(
      `a snapshot expected at most ${statements.length} statements, got ${queryCount}`,
    )
  }
  return statements.map(({ sql }) => sql).join('\n')
}

function doubtOf(db: QueryRecord): string | undefined {
  if (db.inconclusive.length > 0) {
    const relations = db.inconclusive.join(', ')
    return (
      `INCONCLUSIVE: ${relations} was loaded lazily${placeOf(db)} for a list with fewer than two rows. ` +
      'With more rows, it may be an N+1 pattern. Store at least two rows that the list finds, or load the relation eagerly.'
    )
  }
  if (db.sessions > 0 || db.route !== undefined) return undefined
  return `INCONCLUSIVE: nothing was recorded.${noSession(db)}`
}

function noSession({ sessions, route }: QueryRecord): string {
  if (sessions > 0 || route !== undefined) return ''
  return ' No session has begun in the function. A session that began before it is not recorded: open it in the function.'
}

function queries(count: number): string {
  return `${count} ${count === 1 ? 'query' : 'queries'}`
}

/** `4 queries`, or `4 total, 0 write` */
function countsText(counts: Partial<QueryCounts>): string {
  const entries = Object.entries(counts)
  if (entries.length === 1 && counts.total !== undefined) return queries(counts.total)
  return entries.map(([name, count]) => `${count} ${name}`).join(', ')
}

const countNames = ['total', 'select', 'insert', 'update', 'delete', 'write']

function requireCounts(counts: Partial<QueryCounts>): void {
  const entries = Object.entries(counts) as [string, unknown][]
  if (entries.length === 0) throw optionError('toHaveQueryCount() expected a number, got nothing')
  for (const [name, count] of entries) {
    if (!countNames.includes(name))
      throw optionError(`toHaveQueryCount() expected ${countNames.join(', ')}, got ${name}`)
    if (!Number.isInteger(count) || (count as number) < 0)
      throw optionError(
        `toHaveQueryCount() expected an integer from 0 as ${name}, got ${describe(count)}`,
      )
  }
}

function recordIn(received: unknown): QueryRecord {
  if (typeof received === 'object' && received !== null && 'implicitLoads' in received)
    return received as QueryRecord
  throw optionError(
    `the matchers expected the \`db\` of injectWithDb(), or what recordQueries() gives, got ${describe(received)}`,
  )
}
