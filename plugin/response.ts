import type { FastifyReply } from 'fastify'
import { DataBridgeError } from '../orm/index.ts'
import { releaseStatus } from './held-status.ts'

/** Whether the client is gone, or the response was cut off. HTTP/2 destroys the stream only, not the response. */
export function isGone({ raw }: FastifyReply): boolean {
  const { stream } = raw as { readonly stream?: { readonly destroyed: boolean } }
  return raw.destroyed || stream?.destroyed === true
}

/** Fastify 5 answers 200 with the result of an error handler that sets no status. */
export function setErrorStatus(reply: FastifyReply, error: Error): void {
  releaseStatus(reply)
  reply.code(error instanceof DataBridgeError ? error.statusCode : 500)
}
