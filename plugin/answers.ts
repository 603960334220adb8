import type { FastifyReply } from 'fastify'
import { errorScope } from './error-scope.ts'
import { statusOf } from './payload.ts'

/**
 * `dropped`: another answer is on its way, or this one was sent before the request failed. `refused`:
 * this is a success, perhaps of a handler that has failed. The client gets the error instead.
 */
export type Verdict = 'taken' | 'dropped' | 'refused'

/** What {@link Answers} asks of the sessions of its request. */
interface UsedSessions {
  /** Whether the request has used a session, so that there is something to protect. */
  readonly areUsed: boolean
}

/**
 * Decides which answer of a request the client gets. A handler may answer twice, and the error handler
 * may answer too. Each answer reaches the plugin's `onSend` hook, in the order in which the hooks before
 * it end.
 */
export class Answers {
  readonly #reply: FastifyReply
  readonly #sessions: UsedSessions
  /** `error`: only an answer that is sent after the request failed. `none`: every answer is too late. */
  #awaited: 'any' | 'error' | 'none' = 'any'
  #isAnswering = false
  #hasLeft = false
  #failure: unknown
  #failedStatus: number | undefined
  #isWatching = false
  /** Whether the answer that is awaited comes from the handler that has failed, not from the error handler. */
  #isOutside = false

  constructor(reply: FastifyReply, sessions: UsedSessions) {
    this.#reply = reply
    this.#sessions = sessions
  }

  /** The request has failed: the answer is one that is sent from now on. */
  awaitErrors(failure: unknown): void {
    this.#awaited = 'error'
    this.#failure = failure
    this.#failedStatus = this.#reply.statusCode
    this.#isOutside = false
    this.#watch()
  }

  /** Goes on to the error handler, whose answer is known by its asynchronous context. */
  handleError(done: () => void): void {
    errorScope.run(this, done)
  }

  /** An answer is on its way and the error hook never ends: Fastify would throw if another were sent. */
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

  /** Whether the request has failed because of `handlerTimeout`: its handler still runs. */
  get isTimedOut(): boolean {
    return isTimeout(this.#failure)
  }

  verdictOn(payload: unknown): Verdict {
    if (this.#isAnswering) return 'dropped'
    if (this.#hasLeft && this.#reply.raw.headersSent) return 'dropped'
    if (this.#isNothing(payload)) return 'refused'
    if (this.#awaited === 'error') return 'dropped'
    return this.#isHandlers(payload) ? 'refused' : 'taken'
  }

  // Nobody sent this: a failed handler returned nothing.
  #isNothing(payload: unknown): boolean {
    const { statusCode } = this.#reply
    return payload === undefined && statusCode < 300 && statusCode === this.#failedStatus
  }

  // A handler goes on after its timeout, and a Response that it sent before it failed has its own status.
  #isHandlers(payload: unknown): boolean {
    const { statusCode } = this.#reply
    if (this.#failedStatus === undefined || statusOf(statusCode, payload) >= 400) return false
    return this.isTimedOut || this.#isOutside || statusCode >= 400
  }

  #watch(): void {
    if (this.#isWatching) return
    this.#isWatching = true
    const reply = this.#reply
    const send = reply.send.bind(reply)
    reply.send = (...payload) => {
      if (this.#awaited === 'none') return this.#refuse(payload[0])
      if (this.#failedStatus !== undefined && !this.#isAllowed(payload[0]))
        return this.#refuse(payload[0])
      return send(...payload)
    }
  }

  /** Whether an answer that is sent after the request failed goes on to the hook, which judges it. */
  #isAllowed(payload: unknown): boolean {
    if (payload instanceof Error) this.#isOutside = false
    else if (this.#isOutside) return false
    else if (
      this.#sessions.areUsed &&
      errorScope.getStore() !== this &&
      !this.#isNothing(payload)
    ) {
      // The error handler has answered already.
      if (this.#awaited === 'any') return false
      this.#isOutside = true
    }
    if (this.#awaited === 'error' && this.#isErrors(payload)) this.#awaited = 'any'
    return true
  }

  // An error handler that throws hands its error to the next one. Fastify's own is the last, and sets a status.
  #isErrors(payload: unknown): boolean {
    const isHandedOn = payload instanceof Error || payload === this.#failure
    return isHandedOn ? this.#reply.statusCode >= 400 : !this.#isNothing(payload)
  }

  #refuse(payload: unknown): FastifyReply {
    const err = payload instanceof Error ? payload : undefined
    this.#reply.log.warn({ err }, 'a reply was ignored: another answer is already on its way')
    return this.#reply
  }
}

export function isTimeout(error: unknown): boolean {
  return (error as { code?: unknown } | null)?.code === 'FST_ERR_HANDLER_TIMEOUT'
}
