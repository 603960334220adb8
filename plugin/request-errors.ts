import { type DataBridgeError, safeError } from '../orm/index.ts'

export function clientGoneError(): DataBridgeError {
  return safeError(
    'DATA_BRIDGE_ERR_CLIENT_GONE',
    'the client left, or the response was ended by hand; changes that were not committed are rolled back',
  )
}

export function timedOutError(): DataBridgeError {
  return safeError(
    'DATA_BRIDGE_ERR_ABORTED',
    'the handler took longer than handlerTimeout; changes that were not committed are rolled back',
  )
}

export function streamError(): DataBridgeError {
  return safeError(
    'DATA_BRIDGE_ERR_ABORTED',
    'the stream of the response failed, or the client left; changes that were not committed are rolled back',
  )
}

export function failedError(): DataBridgeError {
  return safeError(
    'DATA_BRIDGE_ERR_COMMIT_FAILED',
    'nothing was committed: the request failed while its response was on its way',
  )
}

export function shutdownError(): DataBridgeError {
  return safeError(
    'DATA_BRIDGE_ERR_SESSION_CLOSED',
    'the application was closed before the request was answered; its changes are rolled back',
  )
}

export function lateError(): DataBridgeError {
  return safeError(
    'DATA_BRIDGE_ERR_SESSION_CLOSED',
    'the session was first used after the response was sent; use it earlier, or work in app.dataBridge.run(…)',
  )
}

export function partialError(cause: Error): DataBridgeError {
  return safeError(
    'DATA_BRIDGE_ERR_COMMIT_UNKNOWN',
    'one database was committed, then the commit of another failed: a part of the changes is saved',
    { cause },
  )
}
