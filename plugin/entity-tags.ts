import { hash } from 'node:crypto'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { showsRelations, storedVersion } from '../orm/index.ts'
import { routeOf } from './route-options.ts'

/** What a response of a route with `etag: true` sends. */
interface Sent {
  readonly payload: object
  /** The tag that this plugin has set. */
  tag: string | undefined
}

/** The decorator of requests that keeps what their response sends. */
export const sentSlot: unique symbol = Symbol('fastify-data-bridge.sent')

type Sending = FastifyRequest & { [sentSlot]: Sent | null }

/** Whether the route gives entity tags and checks `If-Match`. */
export function hasTags(request: FastifyRequest): boolean {
  return routeOf(request).config.dataBridge?.etag === true
}

/** Keeps what the response of a route with `etag: true` sends, before it becomes a text. */
export function keepSent(request: FastifyRequest, payload: unknown): void {
  const isObject = typeof payload === 'object' && payload !== null
  ;(request as Sending)[sentSlot] = isObject ? { payload, tag: undefined } : null
}

/** What the response sends, if the route has `etag: true`. */
export function sentBy(request: FastifyRequest): unknown {
  return (request as Sending)[sentSlot]?.payload
}

/**
 * The strong entity tag of a version: the same in every process, and after a restart. Undefined for values without a
 * version.
 */
export function entityTag(value: unknown): string | undefined {
  const stored = storedVersion(value)
  if (stored === undefined) return undefined
  const { table, key, version } = stored
  const digest = hash('sha256', JSON.stringify([table, ...key, version]), 'base64url')
  return `"${digest.slice(0, tagLength)}"`
}

const tagLength = 22

/**
 * Sets the `ETag` of a response that is about to leave, after its commit. The body has to be what the tag stands for:
 * one entity with the values of its version, and without relations, which change without it.
 */
export function setTag(request: FastifyRequest, reply: FastifyReply): void {
  const sent = (request as Sending)[sentSlot]
  if (sent === null) return
  removeTag(request, reply)
  const { statusCode } = reply
  if (statusCode < 200 || statusCode > 299 || reply.getHeader('etag') !== undefined) return
  const { payload } = sent
  if (storedVersion(payload)?.isCurrent !== true || showsRelations(payload)) return
  sent.tag = entityTag(payload)
  reply.header('etag', sent.tag)
}

/** The response becomes that of an error. */
export function forgetSent(request: FastifyRequest, reply: FastifyReply): void {
  removeTag(request, reply)
  keepSent(request, null)
}

/** Removes the tag of a response that becomes another one. A tag that the application has set stays. */
export function removeTag(request: FastifyRequest, reply: FastifyReply): void {
  const sent = (request as Sending)[sentSlot]
  if (sent?.tag === undefined) return
  if (reply.getHeader('etag') === sent.tag) reply.removeHeader('etag')
  sent.tag = undefined
}
