/** How a session ended. */
export interface Ending {
  readonly isCommitted: boolean
  readonly error?: Error
}

export const committed: Ending = { isCommitted: true }
export const notCommitted: Ending = { isCommitted: false }
export const endedQuietly: Promise<Ending> = Promise.resolve(notCommitted)

/**
 * `sealed`: the response is on its way, too late for a first use of the session. `refused`: the commit
 * began and failed.
 */
export type State = 'open' | 'sealed' | 'committing' | 'committed' | 'refused' | 'rolledBack'

export function isEnd(state: State): boolean {
  return state === 'committed' || state === 'refused' || state === 'rolledBack'
}

/** The state after the end. */
export function endOf(state: State): State {
  if (state === 'committed') return 'committed'
  return state === 'committing' ? 'refused' : 'rolledBack'
}
