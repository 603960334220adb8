import { DataBridgeError } from '../orm/index.ts'

export function goneError(): DataBridgeError {
  return new DataBridgeError(
    'DATA_BRIDGE_ERR_CLIENT_GONE',
    'the client of this request has left, or its response was ended by hand: what was not committed is rolled back',
  )
}

export function timedOutError(): DataBridgeError {
  return new DataBridgeError(
    'DATA_BRIDGE_ERR_ABORTED',
    'the handler took longer than handlerTimeout allows: what was not committed is rolled back',
  )
}

export function streamError(): DataBridgeError {
  return new DataBridgeError(
    'DATA_BRIDGE_ERR_ABORTED',
    'the stream of this response has failed, or its client has left: what was not committed is rolled back',
  )
}

export function failedError(): DataBridgeError {
  return new DataBridgeError(
    'DATA_BRIDGE_ERR_COMMIT_FAILED',
    'nothing was committed: the request failed while its response was on its way',
  )
}

export function shutdownError(): DataBridgeError {
  return new DataBridgeError(
    'DATA_BRIDGE_ERR_SESSION_CLOSED',
    'the application was closed before the request had been answered; what it did was rolled back',
  )
}

export function lateError(): DataBridgeError {
  return new DataBridgeError(
    'DATA_BRIDGE_ERR_SESSION_CLOSED',
    'the session of this request is used for the first time after its response was sent or its client has left; ' +
      'use it before, or work in app.dataBridge.run(…)',
  )
}

export function partialError(cause: Error): DataBridgeError {
  return new DataBridgeError(
    'DATA_BRIDGE_ERR_COMMIT_UNKNOWN',
    'a database of this request was committed before another one refused to be: a part of what it wrote is saved',
    { cause },
  )
}
