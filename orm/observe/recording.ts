import { AsyncLocalStorage } from 'node:async_hooks'
import type { Observer } from './observer.ts'
import type { SessionStats } from './stats.ts'

/** What tests want to know of the sessions that begin in a function. */
export interface Recording {
  /** Whether patterns are looked for, whatever the mode of the database is. */
  readonly detects: boolean
  /**
   * A session begins.
   *
   * @param unit the request or the job that it belongs to, or itself
   * @returns what watches it
   */
  sessionBegun(unit: { readonly stats: SessionStats }): Observer
}

/** The asynchronous context of a recording. */
export const recordingScope: AsyncLocalStorage<Recording> = new AsyncLocalStorage<Recording>()
