import { DataBridgeError } from '../../errors.ts'

/** An error of an exchange that is not the server's: the program asked for what cannot be. */
export function laneError(message: string): DataBridgeError {
  return new DataBridgeError('DATA_BRIDGE_ERR_STATEMENT', message)
}

/** COPY speaks a protocol of its own. */
export function copyError(): DataBridgeError {
  return laneError('Expected a statement without COPY FROM STDIN or COPY TO STDOUT, got one')
}
