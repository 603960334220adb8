import type { FastifyRequest, preSerializationHookHandler } from 'fastify'
import { type Session, withPlainEntities } from '../orm/index.ts'
import { hasTags, keepSent } from './entity-tags.ts'
import { holdStatus, releaseStatus } from './held-status.ts'
import { keepPayload } from './left-out.ts'
import type { RequestSessions } from './request-sessions.ts'
import { routeOf } from './route-options.ts'

/** Gives the sessions of a request; null if it has not used any. */
export type SessionsOf = (request: FastifyRequest) => RequestSessions | null

/**
 * Flushes before a payload is serialized, so that the response has what the database makes: keys,
 * defaults, timestamps. The commit looks for changes again.
 */
export function flushFirst(sessionsOf: SessionsOf): preSerializationHookHandler<unknown> {
  return function flushBeforeSerialization(request, reply, payload, done) {
    const sessions = sessionsOf(request)
    const known = sessions?.knownAnswers
    // Of two answers the first one leaves.
    if (hasTags(request) && known?.isAnswering !== true)
      keepSent(request, known?.hasFailed === true ? null : payload)
    const incomplete = sessions?.incomplete()
    if (sessions === null || incomplete === undefined) return done(null, payload)
    const { answers } = sessions
    // Another answer is on its way.
    if (answers.isAnswering) return
    answers.begin()
    // The answer has the status that it was sent with. Later hooks may still change it.
    holdStatus(reply, payload, false)
    const goOn = (error: Error | null): void => {
      answers.end()
      releaseStatus(reply)
      if (error === null) done(null, payload)
      else done(error)
    }
    // Fastify may throw when it goes on. That is the request's error then.
    flushAll(incomplete)
      .then(() => goOn(null), goOn)
      .catch(done)
  }
}

async function flushAll(sessions: readonly Session[]): Promise<void> {
  for (const session of sessions) await session.flush()
}

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
  if (routeOf(request).schema?.response === undefined) return done(null, payload)
  let plain: unknown
  try {
    plain = withPlainEntities(payload)
    if (plain !== payload) keepPayload(request, payload)
  } catch (error) {
    return done(error as Error)
  }
  done(null, plain)
}
