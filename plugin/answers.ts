import type { FastifyReply } from 'fastify'
import { statusOf } from './payload.ts'

/**
 * `dropped`: another answer is on the wire, or this one was sent before the request failed. `refused`: it
 * is a success that may be of a handler that has failed; why it failed is the answer instead.
 */
export type Verdict = 'taken' | 'dropped' | 'refused'

/**
 * Which answer of a request is the one that its client gets. A handler may answer twice, and beside
 * the error handler; each of the answers comes to the hooks of the plugin, when its own hooks are done.
 */
export class Answers {
  readonly #reply: FastifyReply
  /** `error`: what is on its way was sent before the request failed. `none`: what is sent is too late. */
  #awaited: 'any' | 'error' | 'none' = 'any'
  #isAnswering = false
  #hasLeft = false
  #failure: unknown
  #failedStatus: number | undefined
  #isWatching = false

  constructor(reply: FastifyReply) {
    this.#reply = reply
  }

  /** The request has failed: the answer is what is sent from now on. */
  awaitErrors(failure: unknown): void {
    this.#awaited = 'error'
    this.#failure = failure
    this.#failedStatus = this.#reply.statusCode
    this.#watch()
  }

  /** An answer is on its way, and an error hook waits for good: Fastify would throw at whoever sends another. */
  refuseOthers(): void {
    this.#awaited = 'none'
    this.#watch()
  }

  /** Whether an answer is on its way. */
  get isAnswering(): boolean {
    return this.#isAnswering
  }

  begin(): void {
    this.#isAnswering = true
  }

  end(): void {
    this.#isAnswering = false
  }

  /** An answer has been handed on without an error. */
  left(): void {
    this.#hasLeft = true
  }

  /** Whether the request has failed. */
  get hasFailed(): boolean {
    return this.#failedStatus !== undefined
  }

  /** Why the request has failed. */
  get failure(): unknown {
    return this.#failure
  }

  /** Whether it has failed since its time was over, so that its handler still runs. */
  get isTimedOut(): boolean {
    return isTimeout(this.#failure)
  }

  /** What becomes of an answer that has come. */
  verdictOn(payload: unknown): Verdict {
    if (this.#isAnswering) return 'dropped'
    if (this.#hasLeft && this.#reply.raw.headersSent) return 'dropped'
    if (this.#isNothing(payload)) return 'refused'
    if (this.#awaited === 'error') return 'dropped'
    return this.#isHandlers(payload) ? 'refused' : 'taken'
  }

  // What a handler that has failed returns, which nobody has sent.
  #isNothing(payload: unknown): boolean {
    const { statusCode } = this.#reply
    return payload === undefined && statusCode < 300 && statusCode === this.#failedStatus
  }

  // It goes on when its time is over; and of what it sent before it failed, a Response has a status of its own.
  #isHandlers(payload: unknown): boolean {
    const { statusCode } = this.#reply
    if (this.#failedStatus === undefined || statusOf(statusCode, payload) >= 400) return false
    return this.isTimedOut || statusCode >= 400
  }

  #watch(): void {
    if (this.#isWatching) return
    this.#isWatching = true
    const reply = this.#reply
    const send = reply.send.bind(reply)
    reply.send = (...payload) => {
      if (this.#awaited === 'none') return this.#refuse(payload[0])
      if (this.#awaited === 'error' && this.#isErrors(payload[0])) this.#awaited = 'any'
      return send(...payload)
    }
  }

  // An error handler that throws hands its error on to the next one; that of Fastify, which is the last, has set a status.
  #isErrors(payload: unknown): boolean {
    const isHandedOn = payload instanceof Error || payload === this.#failure
    return isHandedOn ? this.#reply.statusCode >= 400 : !this.#isNothing(payload)
  }

  #refuse(payload: unknown): FastifyReply {
    const err = payload instanceof Error ? payload : undefined
    this.#reply.log.warn({ err }, 'the reply was sent when another answer was on its way already')
    return this.#reply
  }
}

export function isTimeout(error: unknown): boolean {
  return (error as { code?: unknown } | null)?.code === 'FST_ERR_HANDLER_TIMEOUT'
}
