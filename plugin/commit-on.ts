import type { FastifyReply, FastifyRequest } from 'fastify'
import { describe, optionError } from '../orm/index.ts'

/** Whether a response is a success, so that its session is committed. */
export type CommitOn = (request: FastifyRequest, reply: FastifyReply) => boolean

export function requireCommitOn(option: string, value: unknown): void {
  if (value === undefined || typeof value === 'function') return
  throw optionError(
    `${option} expected a function of the request and the reply; came ${describe(value)}`,
  )
}

// A promise would be true, whatever comes of it.
export function requireAnswer(isWanted: unknown): boolean {
  if (typeof isWanted === 'boolean') return isWanted
  throw optionError(`commitOn expected to return true or false; it returned ${describe(isWanted)}`)
}
