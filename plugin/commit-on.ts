import type { FastifyReply, FastifyRequest } from 'fastify'
import { describe, optionError } from '../orm/index.ts'
import { statusOf } from './payload.ts'

/** Whether a response is a success, and its session is committed. */
export type CommitOn = (request: FastifyRequest, reply: FastifyReply) => boolean

export function requireCommitOn(option: string, value: unknown): void {
  if (value === undefined || typeof value === 'function') return
  throw optionError(
    `${option} expected a function of the request and the reply, got ${describe(value)}`,
  )
}

/** Asks `commitOn`. Without it, a status below 400 is a success. */
export function isSuccess(
  commitOn: CommitOn | undefined,
  request: FastifyRequest,
  reply: FastifyReply,
  payload: unknown,
): boolean {
  if (commitOn === undefined) return statusOf(reply.statusCode, payload) < 400
  const isWanted: unknown = commitOn(request, reply)
  // A promise would count as true.
  if (typeof isWanted === 'boolean') return isWanted
  throw optionError(`commitOn expected to return true or false; it returned ${describe(isWanted)}`)
}
