import type { FastifyReply } from 'fastify'
import type { Telemetry } from '../orm/index.ts'

/** A request that has not used its session yet. */
export class Arrival {
  readonly reply: FastifyReply
  /** The context of telemetry in which it came in. */
  readonly context: ReturnType<Telemetry['arrival']> | undefined

  constructor(reply: FastifyReply, context: ReturnType<Telemetry['arrival']> | undefined) {
    this.reply = reply
    this.context = context
  }
}
