import { EventEmitter } from 'node:events'
import { Readable } from 'node:stream'

/**
 * Fastify listens to a stream when the hooks are done, and finds out then that it has failed. An error
 * that nobody listens to would end the process meanwhile, such as of a file that is not there.
 */
export function holdErrors(payload: unknown): void {
  if (payload instanceof EventEmitter) payload.on('error', () => {})
}

// Fastify leaves the stream of a response that a hook refused to its owner.
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

/** Whether a payload flows, so that it can still use the session when the response has begun. */
export function isStream(payload: unknown): boolean {
  if (typeof payload !== 'object' || payload === null) return false
  if (isResponse(payload) && payload.bodyUsed) return false
  const { body } = isResponse(payload) ? payload : { body: payload }
  // Of one that somebody else reads nothing can be sent, and Fastify says so.
  if (body instanceof ReadableStream) return !body.locked
  return body instanceof Readable || isPipeable(body)
}

/** Whether a response has nothing but its head: its client knows that it is complete before a stream begins. */
export function hasNoBody(method: string, status: number): boolean {
  return method === 'HEAD' || status < 200 || status === 204 || status === 304
}

/** The status that a response will have; a web `Response` brings its own after the hooks have run. */
export function statusOf(replyStatus: number, payload: unknown): number {
  return isResponse(payload) ? payload.status : replyStatus
}

// As Fastify tells one: it may come from another copy of fetch.
export function isResponse(payload: unknown): payload is Response {
  return Object.prototype.toString.call(payload) === '[object Response]'
}

// As Fastify tells one: it may come from another copy of the package.
function isPipeable(payload: unknown): boolean {
  return typeof payload === 'object' && payload !== null && 'pipe' in payload
}
