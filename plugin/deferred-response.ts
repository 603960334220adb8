import { constants } from 'node:http2'
import type { FastifyReply, FastifyRequest } from 'fastify'

const trailer = 'x-db-query-count'

/** The query count of a response whose head is sent before it is known. */
export function addTrailer(
  { raw }: FastifyRequest,
  reply: FastifyReply,
  queryCount: () => string,
): void {
  if (!isOld(raw)) reply.trailer(trailer, async () => queryCount())
}

/**
 * A client that has as many bytes as were promised takes the response for complete. An error that is
 * answered instead has the trailer, too: its chunks would be gone with it, for a stream that begins after all.
 */
export function forgetLength(reply: FastifyReply): void {
  reply.removeHeader('content-length')
  if (!reply.raw.headersSent) reply.raw.removeHeader('content-length')
}

/**
 * A stream has failed. Where nothing was sent, Fastify answers with an error. Otherwise it ends the
 * response in a way that is the end of a complete one for clients of HTTP/1.0, which know no other
 * end, and of HTTP/2, where it gives no error.
 */
export function breakOff({ raw: request }: FastifyRequest, { raw }: FastifyReply): void {
  if (!raw.headersSent) return
  const { stream } = raw as { readonly stream?: { close(code: number): void } }
  if (stream !== undefined) stream.close(constants.NGHTTP2_INTERNAL_ERROR)
  else if (isOld(request)) request.socket.resetAndDestroy()
}

function isOld({ httpVersion }: FastifyRequest['raw']): boolean {
  return httpVersion === '1.0'
}
