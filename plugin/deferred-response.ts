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

/** A client that has as many bytes as were promised takes the response for complete. */
export function forgetLength(reply: FastifyReply): void {
  reply.removeHeader('content-length')
  if (!reply.raw.headersSent) reply.raw.removeHeader('content-length')
}

/**
 * A stream has failed. Where nothing was sent, Fastify answers with an error, which the head of the
 * stream must not spoil. Otherwise it ends the response in a way that is the end of a complete one
 * for clients of HTTP/1.0, which know no other end, and of HTTP/2, where it gives no error.
 */
export function breakOff({ raw: request }: FastifyRequest, reply: FastifyReply): void {
  const { raw } = reply
  const { stream } = raw as { readonly stream?: { close(code: number): void } }
  if (!raw.headersSent) return forgetTrailer(reply)
  if (stream !== undefined) stream.close(constants.NGHTTP2_INTERNAL_ERROR)
  else if (isOld(request)) request.socket.resetAndDestroy()
}

// Fastify sends an error's length, which must not stand beside a transfer-encoding.
function forgetTrailer(reply: FastifyReply): void {
  if (!reply.hasTrailer(trailer)) return
  reply.removeTrailer(trailer)
  for (const header of ['trailer', 'transfer-encoding']) {
    reply.removeHeader(header)
    reply.raw.removeHeader(header)
  }
}

function isOld({ httpVersion }: FastifyRequest['raw']): boolean {
  return httpVersion === '1.0'
}
