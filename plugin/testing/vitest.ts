/**
 * A setup file for vitest. It adds the matchers to `expect`, and fails every test in which N+1 patterns are found:
 *
 * ```ts
 * import { defineConfig } from 'vitest/config'
 *
 * export default defineConfig({
 *   test: { setupFiles: ['fastify-data-bridge/testing/vitest'] },
 * })
 * ```
 *
 * @module
 */
import { expect, type MatcherState, Snapshots } from 'vitest'
import { queryMatchers, type ImplicitLoadsOptions, querySnapshot } from './matchers.ts'
import type { QueryCounts, QueryRecord } from './query-record.ts'
import { watchTests } from './watch-tests.ts'

declare module 'vitest' {
  interface Matchers<R extends void | Promise<void> = void | Promise<void>, T = unknown> {
    /**
     * Fails with the findings of a record, those that are only information excepted. Also fails, as *inconclusive*, if
     * relations were loaded lazily for a list with fewer than two rows, or if nothing was recorded.
     */
    toHaveNoNPlusOne(): R
    /** Fails unless there were so many statements; with an object, so many of each kind that it names. */
    toHaveQueryCount(expected: number | Partial<QueryCounts>): R
    /** Fails if there were more statements. */
    toHaveQueryCountAtMost(most: number): R
    /** Fails if relations were loaded lazily, other than those of `except`. */
    toHaveNoImplicitLoads(options?: ImplicitLoadsOptions): R
    /** Compares the statements with a snapshot: their texts without values, in their order. */
    toMatchQuerySnapshot(hint?: string): R
  }
}

expect.extend({
  ...queryMatchers,
  toMatchQuerySnapshot(this: MatcherState, received: QueryRecord, hint?: string) {
    return Snapshots.toMatchSnapshot.call(this, querySnapshot(received), hint)
  },
})

watchTests()

export { watchTests, type WatchTestsOptions } from './watch-tests.ts'
