import { AsyncLocalStorage } from 'node:async_hooks'
import type { Observer } from './observer.ts'
import type { SessionStats } from './stats.ts'

/** What tests want to know of the sessions that begin in a function. */
export interface Recording {
  /** Whether patterns are looked for, whatever the mode of the database is. */
  readonly detects: boolean
  /** The recording in which this one began: it sees the same sessions. */
  readonly outer?: Recording | undefined
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

const none: readonly Recording[] = Object.freeze([])

let others: Recording | undefined

/** Sets what records sessions that begin outside of every function that is recorded, such as those of a real socket. */
export function recordOthers(recording: Recording | undefined): void {
  others = recording
}

/** The recordings that a session belongs to that begins now, the innermost first. */
export function currentRecordings(): readonly Recording[] {
  const innermost = recordingScope.getStore() ?? others
  if (innermost === undefined) return none
  const all: Recording[] = []
  for (let each: Recording | undefined = innermost; each !== undefined; each = each.outer)
    all.push(each)
  return all
}
