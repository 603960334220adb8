import { pipeline, type Readable, Transform } from 'node:stream'
import { isResponse } from './payload.ts'

/** How a stream ends. */
export interface StreamEnd {
  /** Awaited before the stream ends. If it rejects, the stream fails. */
  readonly settle: () => Promise<void>
  /** Called first when the stream has failed or its reader is gone. */
  readonly fail: () => void
}

/** The stream, whose end waits for `settle`. If that rejects, the response is cut off. */
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
  // The reader of the stream gets its errors.
  pipeline(source, held, () => {})
  return held
}

function deferredResponse(response: Response, end: StreamEnd): Response {
  const { body, status, statusText, headers } = response
  const kept = new Headers(headers)
  // A client takes a response for complete when it has as many bytes as this says.
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
