import { Readable } from 'node:stream'
import { isResponse } from './settle-policy.ts'

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
