import type { DataBridgeError } from '../errors.ts'
import type { Sending } from './sending.ts'

/** How an exchange failed. */
export interface Refusal {
  /** The error for the program. */
  readonly error: DataBridgeError
  /** The error of the driver or of the server. */
  readonly cause: unknown
  /** The statement that failed; undefined if the connection was lost and nobody knows. */
  readonly sending: Sending | undefined
  readonly isLost: boolean
}
