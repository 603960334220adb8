import { constants } from 'node:http2'
import type { FastifyReply, FastifyRequest } from 'fastify'

const trailer = 'x-db-query-count'

/** Sends the query count behind the body: the head leaves before the count is known. */
export function addTrailer(
  { raw }: FastifyRequest,
  reply: FastifyReply,
  queryCount: () => string,
): void {
  if (!isOld(raw)) reply.trailer(trailer, async () => queryCount())
}

/**
 * A client takes a response for complete when it has as many bytes as `content-length` says. Chunks
 * (and so the trailer) are kept for an error that is answered in place of the stream.
 */
export function forgetLength(reply: FastifyReply): void {
  reply.removeHeader('content-length')
  if (!reply.raw.headersSent) reply.raw.removeHeader('content-length')
}

/**
 * Makes a failed stream visible to the client. If nothing was sent, Fastify answers with an error.
 * Otherwise Fastify only ends the response, which looks complete to clients of HTTP/1.0 and HTTP/2.
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
