import type { FastifyReply } from 'fastify'
import { statusOf } from './payload.ts'

const held = new WeakSet<FastifyReply['raw']>()

/**
 * Keeps the status of the response: its session ends by it, and the client must not read another one.
 * A later status is ignored, with a line in the log.
 *
 * @param hasFailed whether this is the answer to an error. The next error may have another status
 */
export function holdStatus(reply: FastifyReply, payload: unknown, hasFailed: boolean): void {
  const { raw } = reply
  if (held.has(raw)) return
  // Fastify takes the status of a Response after the hooks.
  const status = statusOf(raw.statusCode, payload)
  if (status !== raw.statusCode) raw.statusCode = status
  define(reply, status, hasFailed)
}

/** Frees the status, for the answer to an error. */
export function releaseStatus({ raw }: FastifyReply): void {
  if (!held.delete(raw)) return
  const { statusCode } = raw
  // HTTP/2 keeps the status behind a setter of the prototype.
  delete (raw as { statusCode?: number }).statusCode
  raw.statusCode = statusCode
}

function define(reply: FastifyReply, status: number, hasFailed: boolean): void {
  const { raw } = reply
  held.add(raw)
  Object.defineProperty(raw, 'statusCode', {
    configurable: true,
    enumerable: true,
    get: () => status,
    set(later: number) {
      if (later === status) return
      if (isCondition(later, status) || (hasFailed && later >= 400)) {
        releaseStatus(reply)
        raw.statusCode = later
        define(reply, later, hasFailed)
      } else tell(reply, status, later)
    },
  })
}

// A hook answers a conditional request: `@fastify/etag` leaves out a body that the client has.
function isCondition(later: number, status: number): boolean {
  return later === 304 && status >= 200 && status < 300
}

function tell({ log }: FastifyReply, status: number, ignored: number): void {
  log.warn(
    { status, ignored },
    `the status ${ignored} came too late and was ignored: the session ended by the status ${status}`,
  )
}
