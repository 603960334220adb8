import type { Sending } from './sending.ts'

/** How an exchange failed. */
export interface Refusal {
  /** The error for the program. */
  readonly error: unknown
  /** The error of the driver or of the server. */
  readonly cause: unknown
  /** The statement that failed; undefined if the connection was lost and nobody knows. */
  readonly sending: Sending | undefined
  /** The server has executed it, but its rows could not be read. */
  readonly isUnread: boolean
  readonly isLost: boolean
}
