import type { FastifyReply, FastifyRequest } from 'fastify'
import type { DataBridgeError } from '../orm/index.ts'
import { breakOff, forgetLength } from './deferred-response.ts'
import { deferred } from './deferred-stream.ts'
import { failedError, clientGoneError, streamError } from './request-errors.ts'
import { isGone, setErrorStatus } from './response.ts'

/** What {@link DeferredCommit} asks of the session. */
export interface DeferredSession {
  /** Commits where the response is a success, and rolls back otherwise. */
  settle(payload: unknown): Promise<{ readonly error?: Error }>
  rollback(): Promise<unknown>
  /** Ends as the commit of another database does, if that has begun. Returns whether it has. */
  follow(payload: unknown): boolean
  /** Cancels what the session waits for. */
  abort(reason: () => DataBridgeError): void
  /** Refuses a session that is first used from now on. */
  seal(): void
}

/**
 * The commit of a stream that uses the session while it flows: after its last byte, and before the end
 * of the response. The client sees a complete response only if the commit succeeded.
 */
export class DeferredCommit {
  readonly #request: FastifyRequest
  readonly #reply: FastifyReply
  readonly #session: DeferredSession
  #isBroken = false

  constructor(request: FastifyRequest, reply: FastifyReply, session: DeferredSession) {
    this.#request = request
    this.#reply = reply
    this.#session = session
  }

  /** Whether the stream or its request has failed: the response must not end as a success. */
  get isBroken(): boolean {
    return this.#isBroken
  }

  /** The stream, which ends when its session is committed. */
  hold(payload: unknown): unknown {
    forgetLength(this.#reply)
    return deferred(payload, {
      settle: () => this.#settle(payload),
      fail: () => this.#fail(payload),
    })
  }

  breakOff(): void {
    this.#isBroken = true
    this.#session.abort(isGone(this.#reply) ? clientGoneError : streamError)
    breakOff(this.#request, this.#reply)
  }

  async #settle(payload: unknown): Promise<void> {
    const { error } = await this.#session.settle(payload)
    this.#session.seal()
    if (error !== undefined) {
      this.#request.log.error({ err: error }, 'the commit of a deferred stream has failed')
      // Fastify still answers with an error if no byte was sent.
      if (!this.#reply.raw.headersSent) setErrorStatus(this.#reply, error)
      throw error
    }
    if (this.#isBroken) throw failedError()
  }

  #fail(payload: unknown): void {
    this.#session.seal()
    this.breakOff()
    if (this.#session.follow(payload)) return
    void this.#session.rollback()
  }
}
