import { EventEmitter } from 'node:events'
import { Readable } from 'node:stream'

/**
 * Fastify listens to a stream only after the hooks. Until then, an error without a listener would end
 * the process, for example that of a missing file.
 */
export function holdErrors(payload: unknown): void {
  if (payload instanceof EventEmitter) payload.on('error', () => {})
}

// Fastify does not destroy the stream of a response that a hook refused.
export function discardPayload(payload: unknown): void {
  const source = isResponse(payload) ? payload.body : payload
  if (typeof source !== 'object' || source === null) return
  if ('destroy' in source && typeof source.destroy === 'function') source.destroy()
  else if (source instanceof ReadableStream) void source.cancel().catch(() => undefined)
}

export function withoutBody(payload: unknown): unknown {
  discardPayload(payload)
  return isResponse(payload) ? new Response(null, payload) : Readable.from([])
}

/** Whether a payload is a stream, which can still use the session after the response has begun. */
export function isStream(payload: unknown): boolean {
  if (typeof payload !== 'object' || payload === null) return false
  if (isResponse(payload) && payload.bodyUsed) return false
  const { body } = isResponse(payload) ? payload : { body: payload }
  // A stream that has another reader cannot be sent. Fastify reports it.
  if (body instanceof ReadableStream) return !body.locked
  return body instanceof Readable || isPipeable(body)
}

/** Whether a response has a head only: its client knows that it is complete before a stream begins. */
export function hasNoBody(method: string, status: number): boolean {
  return method === 'HEAD' || status < 200 || status === 204 || status === 304
}

/** The status of the response. Fastify takes that of a web `Response` after the hooks. */
export function statusOf(replyStatus: number, payload: unknown): number {
  return isResponse(payload) ? payload.status : replyStatus
}

// The test that Fastify uses, because a Response may come from another copy of fetch.
export function isResponse(payload: unknown): payload is Response {
  return Object.prototype.toString.call(payload) === '[object Response]'
}

// The test that Fastify uses, because a stream may come from another package.
function isPipeable(payload: unknown): boolean {
  return typeof payload === 'object' && payload !== null && 'pipe' in payload
}
