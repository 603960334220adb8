import type { FastifyReply } from 'fastify'
import { statusOf } from './payload.ts'

/** A status that is kept. */
interface Held {
  readonly reply: FastifyReply
  readonly status: number
  /** Whether it is that of the answer to an error. */
  readonly hasFailed: boolean
}

const held = Symbol('fastify-data-bridge.held-status')

type Raw = FastifyReply['raw'] & { [held]?: Held | undefined }

/**
 * Keeps the status of the response: its session ends by it, and the client must not read another one.
 * A later status is ignored, with a line in the log.
 *
 * @param hasFailed whether this is the answer to an error. The next error may have another status
 */
export function holdStatus(reply: FastifyReply, payload: unknown, hasFailed: boolean): void {
  const raw: Raw = reply.raw
  if (raw[held] !== undefined) return
  // Fastify takes the status of a Response after the hooks.
  const status = statusOf(raw.statusCode, payload)
  if (status !== raw.statusCode) raw.statusCode = status
  hold(raw, { reply, status, hasFailed })
}

/** Frees the status, for the answer to an error. */
export function releaseStatus(reply: FastifyReply): void {
  const raw: Raw = reply.raw
  if (raw[held] === undefined) return
  const { statusCode } = raw
  raw[held] = undefined
  // HTTP/2 keeps the status behind a setter of the prototype.
  delete (raw as { statusCode?: number }).statusCode
  raw.statusCode = statusCode
}

function hold(raw: Raw, what: Held): void {
  raw[held] = what
  Object.defineProperty(raw, 'statusCode', heldStatus)
}

// One for all: with functions of its own, each response would become an object of its own shape, which is slow.
const heldStatus: PropertyDescriptor & ThisType<Raw> = {
  configurable: true,
  enumerable: true,
  get() {
    return this[held]?.status
  },
  set(later: number) {
    const what = this[held]
    if (what === undefined || later === what.status) return
    const { reply, status, hasFailed } = what
    if (isCondition(later, status) || (hasFailed && later >= 400)) {
      releaseStatus(reply)
      this.statusCode = later
      hold(this, { reply, status: later, hasFailed })
    } else tell(reply, status, later)
  },
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
