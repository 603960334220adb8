import { pipeline, type Readable, Transform } from 'node:stream'
import { isResponse } from './payload.ts'

/** What becomes of a stream. */
export interface StreamEnd {
  /** Awaited before the stream ends: where it rejects, so does the stream. */
  readonly settle: () => Promise<void>
  /** Called before anybody else knows that the stream has failed, or that its reader is gone. */
  readonly fail: () => void
}

/**
 * The stream with its end held back until `settle` resolves: where that rejects, the response is cut
 * off and never complete.
 */
export function deferred(payload: unknown, end: StreamEnd): unknown {
  if (isResponse(payload)) return deferredResponse(payload, end)
  if (payload instanceof ReadableStream) return deferredWeb(payload, end)
  return deferredReadable(payload as Readable, end)
}

function deferredReadable(source: Readable, { settle, fail }: StreamEnd): Transform {
  let isAtEnd = false
  const held = new Transform({
    transform: (chunk, _encoding, done) => done(null, chunk),
    flush(done) {
      isAtEnd = true
      settle().then(() => done(), done)
    },
    destroy(error, done) {
      if (!isAtEnd || error !== null) fail()
      done(error)
    },
  })
  // Whoever reads the stream is told of its errors.
  pipeline(source, held, () => {})
  return held
}

function deferredResponse(response: Response, end: StreamEnd): Response {
  const { body, status, statusText, headers } = response
  const kept = new Headers(headers)
  // A client that has as many bytes as were promised takes the response for complete.
  kept.delete('content-length')
  const held = body === null ? null : deferredWeb(body, end)
  return new Response(held, { status, statusText, headers: kept })
}

function deferredWeb(source: ReadableStream, { settle, fail }: StreamEnd): ReadableStream {
  const reader = source.getReader()
  const pull = async (controller: ReadableStreamDefaultController): Promise<void> => {
    try {
      const { done, value } = await reader.read()
      if (!done) return controller.enqueue(value)
      await settle()
      controller.close()
    } catch (error) {
      fail()
      throw error
    }
  }
  const cancel = (reason: unknown): Promise<void> => {
    fail()
    return reader.cancel(reason)
  }
  return new ReadableStream({ pull, cancel }, { highWaterMark: 0 })
}
