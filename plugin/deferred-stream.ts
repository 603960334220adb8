import { pipeline, Readable, Transform } from 'node:stream'
import { isResponse } from './settle-policy.ts'

/** Whether a payload flows, so that it can still use the session when the response has begun. */
export function isStream(payload: unknown): boolean {
  if (typeof payload !== 'object' || payload === null) return false
  const { body } = isResponse(payload) ? payload : { body: payload }
  return body instanceof Readable || body instanceof ReadableStream || isPipeable(body)
}

/**
 * The stream with its end held back until `settle` resolves: where that rejects, the response is cut
 * off and never complete. `fail` is called where the stream itself fails.
 */
export function deferred(
  payload: unknown,
  settle: () => Promise<void>,
  fail: (error: unknown) => void,
): unknown {
  if (isResponse(payload)) return deferredResponse(payload as Response, settle, fail)
  if (payload instanceof ReadableStream) return deferredWeb(payload, settle, fail)
  const held = new Transform({
    transform: (chunk, _encoding, done) => done(null, chunk),
    flush: (done) => void settle().then(() => done(), done),
  })
  pipeline(payload as Readable, held, (error) => {
    if (error !== null && error !== undefined) fail(error)
  })
  return held
}

function deferredResponse(
  response: Response,
  settle: () => Promise<void>,
  fail: (error: unknown) => void,
): Response {
  const { body, status, statusText, headers } = response
  const kept = new Headers(headers)
  // A client that has as many bytes as were promised takes the response for complete.
  kept.delete('content-length')
  const held = body === null ? null : deferredWeb(body, settle, fail)
  return new Response(held, { status, statusText, headers: kept })
}

function deferredWeb(
  source: ReadableStream,
  settle: () => Promise<void>,
  fail: (error: unknown) => void,
): ReadableStream {
  const held = new TransformStream({ flush: settle })
  source.pipeTo(held.writable).catch(fail)
  return held.readable
}

// As Fastify tells one: it may come from another copy of the package.
function isPipeable(payload: unknown): boolean {
  return typeof payload === 'object' && payload !== null && 'pipe' in payload
}
