import { expect } from 'vitest'
import { DataBridgeError, type ErrorCode } from '../../orm/index.ts'

/** The error that some work ends with; it has to be one of this library's, with this code. */
export async function failure(
  code: ErrorCode,
  work: Promise<unknown> | (() => unknown),
): Promise<DataBridgeError> {
  let result: unknown
  try {
    result = await (typeof work === 'function' ? work() : work)
  } catch (error) {
    if (error instanceof DataBridgeError && error.code === code) return error
    throw error
  }
  throw new Error(`expected ${code}; it succeeded with ${JSON.stringify(result)}`)
}

/** For `toThrow` and `rejects.toThrow`: an error with this code, whose whole message contains the text. */
export function coded(code: ErrorCode, message = ''): unknown {
  return expect.objectContaining({ code, details: expect.stringContaining(message) })
}
