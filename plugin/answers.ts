import type { FastifyReply } from 'fastify'

/**
 * Which answer of a request is the one that its client gets. A handler may answer twice, and beside
 * the error handler; each of the answers comes to the hooks of the plugin, when its own hooks are done.
 */
export class Answers {
  readonly #reply: FastifyReply
  /** `error`: what is on its way was sent before the request failed. `none`: what is sent is too late. */
  #awaited: 'any' | 'error' | 'none' = 'any'
  #hasLeft = false
  #isWatching = false

  constructor(reply: FastifyReply) {
    this.#reply = reply
  }

  /** The request has failed: the answer is what is sent from now on. */
  awaitErrors(): void {
    this.#awaited = 'error'
    this.#watch()
  }

  /** An answer is on its way, and an error hook waits for good: Fastify would throw at whoever sends another. */
  refuseOthers(): void {
    this.#awaited = 'none'
    this.#watch()
  }

  /** An answer has been handed on without an error. */
  left(): void {
    this.#hasLeft = true
  }

  /** Whether an answer that has come is not that of the request. */
  get isOther(): boolean {
    return this.#awaited === 'error' || (this.#hasLeft && this.#reply.raw.headersSent)
  }

  #watch(): void {
    if (this.#isWatching) return
    this.#isWatching = true
    const reply = this.#reply
    const send = reply.send.bind(reply)
    reply.send = (...payload) => {
      if (this.#awaited === 'none') return this.#refuse(payload[0])
      if (this.#awaited === 'error' && !isPassedOn(reply, payload[0])) this.#awaited = 'any'
      return send(...payload)
    }
  }

  #refuse(payload: unknown): FastifyReply {
    const err = payload instanceof Error ? payload : undefined
    this.#reply.log.warn({ err }, 'the reply was sent when another answer was on its way already')
    return this.#reply
  }
}

// An error handler that throws hands its error on to the next one. That of Fastify, which is the last, has set a status.
function isPassedOn(reply: FastifyReply, payload: unknown): boolean {
  return payload instanceof Error && reply.statusCode < 400
}
