import type { preSerializationHookHandler } from 'fastify'
import { withPlainEntities } from '../orm/index.ts'

/**
 * Serializers of response schemas look at properties: Fastify's finds the branch of a union so, and of an
 * entity it would see relations that are not loaded. So they get plain objects.
 */
export const plainEntities: preSerializationHookHandler<unknown> = function plainEntities(
  request,
  _reply,
  payload,
  done,
) {
  if (request.routeOptions.schema?.response === undefined) return done(null, payload)
  let plain: unknown
  try {
    plain = withPlainEntities(payload)
  } catch (error) {
    return done(error as Error)
  }
  done(null, plain)
}
