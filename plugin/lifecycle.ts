import type { FastifyInstance, FastifyReply, FastifyRequest, onSendHookHandler } from 'fastify'
import {
  ambient,
  ambientScope,
  type AmbientScope,
  DataBridgeError,
  type Session,
  showMessage,
  Unit,
  unit as unitSlot,
} from '../orm/index.ts'
import { Arrival } from './arrival.ts'
import type { Done } from './done.ts'
import { forgetSent, removeTag, sentSlot, setTag } from './entity-tags.ts'
import { explainLeftOut, payloadSlot } from './left-out.ts'
import type { Settings } from './options.ts'
import { lateError } from './request-errors.ts'
import { addRegistration, type Registration } from './registration.ts'
import { factsOf } from './request-report.ts'
import { RequestSession } from './request-session.ts'
import { RequestSessions } from './request-sessions.ts'
import { requireRouteOptions, routeSlot } from './route-options.ts'
import { RunningCallbacks } from './running-callbacks.ts'
import { flushFirst, plainEntities } from './serialization.ts'
import { setErrorStatus } from './response.ts'
import { warnOfStale, watchJobs } from './warnings.ts'
import { answerAsCause } from './wrapped-errors.ts'

/** `sealed`: the response left before the session was used. Null: the hooks have not run. */
type Slot = Arrival | RequestSession | 'sealed' | null

const everySession: unique symbol = Symbol('fastify-data-bridge.every-session')

type Slots = { [slot: symbol]: Slot } & {
  [everySession]: RequestSessions | null
  [sentSlot]: unknown
}

/** Gives the session of a request. */
export type SessionOf = (request: FastifyRequest) => Session

let registrations = 0

/**
 * Gives each request a session. All hooks belong to the instance: hooks of a route would miss 404s and
 * the routes that are declared in the same tick as the plugin. The hooks take callbacks, so that a
 * request without a session passes them without a promise.
 */
export function addLifecycle(app: FastifyInstance, settings: Settings): SessionOf {
  // Each registration has its own: the hooks of a parent and of its child both see the child's requests.
  const slot = Symbol('fastify-data-bridge')
  const shutdown = new AbortController()
  const order = (registrations += 1)
  const registration: Registration = { settings, shutdown: shutdown.signal, order }
  const { telemetry } = settings.database
  addRegistration(app, registration)
  const callbacks = RunningCallbacks.of(app)
  const slotsOf = (request: FastifyRequest): Slots => request as unknown as Slots

  /** The session of the request on this database, if it has or may still have one. */
  const unitOf = (request: FastifyRequest): RequestSession | 'sealed' | null => {
    const slots = slotsOf(request)
    const held = slots[slot] ?? null
    if (!(held instanceof Arrival)) return held
    const sessions = (slots[everySession] ??= new RequestSessions(held.reply, callbacks))
    return (slots[slot] = new RequestSession(registration, request, held, sessions))
  }

  /** What everything belongs to that begins in the request, on whatever database. */
  const workOf = (request: FastifyRequest): Unit => {
    const slots = slotsOf(request)
    const held = slots[slot] ?? null
    const arrival = held instanceof Arrival ? held : undefined
    if (arrival !== undefined) slots[everySession] ??= new RequestSessions(arrival.reply, callbacks)
    return slots[everySession]?.unitOf(request, settings, arrival) ?? answeredUnit(request)
  }

  const sessionOf: SessionOf = (request) => {
    const unit = unitOf(request) ?? refuseEarlyUse(settings)
    if (unit === 'sealed') throw lateError()
    return unit.session()
  }

  if (settings.isOwn) watchJobs(app, settings)

  app.decorateRequest(slot, null)
  app.addHook('onRoute', function checkRouteOptions({ config, method, url }) {
    requireRouteOptions(config?.dataBridge, `${String(method)} ${url}`)
  })
  if (settings.ambient) decorateAmbient(app, sessionOf, workOf)

  app.addHook('onRequest', function prepareSession(request, reply, done) {
    slotsOf(request)[slot] = new Arrival(reply, telemetry?.arrival())
    if (settings.ambient) ambientScope.run(request as unknown as AmbientScope, done)
    else done()
  })

  app.addHook('onError', function rollbackOnError(request, reply, error, done) {
    explainLeftOut(request, reply, error)
    answerAsCause(error)
    hideDetails(error)
    telemetry?.requestFailed(request)
    if (slotsOf(request)[sentSlot] !== null) forgetSent(request, reply)
    if (isExhausted(error)) reply.header('retry-after', String(retryAfterSeconds))
    const unit = unitOf(request)
    if (unit === null || unit === 'sealed') done()
    else unit.fail(error, done)
  })

  // A scope above flushes and serializes for all databases of a request.
  if (!app.hasRequestDecorator(everySession)) {
    app.decorateRequest(everySession, null)
    app.decorateRequest(routeSlot, null)
    app.decorateRequest(payloadSlot, null)
    app.decorateRequest(sentSlot, null)
    app.addHook(
      'preSerialization',
      flushFirst((request) => slotsOf(request)[everySession]),
    )
    app.addHook('preSerialization', plainEntities)
  }

  const commitOnSend: onSendHookHandler = function commitOnSend(request, reply, payload, next) {
    const done = slotsOf(request)[sentSlot] === null ? next : tagged(request, reply, next)
    const held = slotsOf(request)[slot] ?? null
    if (held === null || held === 'sealed') return done(null, payload)
    // A stream may use the session first while it flows.
    if (held instanceof Arrival && (typeof payload !== 'object' || payload === null)) {
      slotsOf(request)[slot] = 'sealed'
      const sessions = slotsOf(request)[everySession]
      return sessions === null ? done(null, payload) : leave(sessions, reply, payload, done)
    }
    const unit = unitOf(request) as RequestSession
    if (unit.endsAtOnce(payload)) done(null, payload)
    else unit.answer(payload, done)
  }
  app.addHook('onSend', commitOnSend)

  app.addHook('onClose', async function closeDatabase() {
    await callbacks.over()
    warnOfStale(app.log, settings)
    if (!settings.isOwn) return
    shutdown.abort()
    await settings.database.close()
    // Those of a COMMIT that was under way.
    await callbacks.over()
  })

  return sessionOf
}

/** Goes on with a response that has its `ETag`, which is known after the commit. */
function tagged(request: FastifyRequest, reply: FastifyReply, next: Done): Done {
  return (error, payload) => {
    if (error === null) setTag(request, reply)
    else removeTag(request, reply)
    next(error, payload)
  }
}

/** Goes on with the response of a request that has not used this database's session, but perhaps jobs. */
function leave(sessions: RequestSessions, reply: FastifyReply, payload: unknown, done: Done): void {
  sessions.leave()
  const refusal = sessions.refusal(payload)
  if (refusal === undefined) return done(null, payload)
  setErrorStatus(reply, refusal)
  done(refusal)
}

/** The work of a request whose response has left before the database was used. */
function answeredUnit(request: FastifyRequest): Unit {
  const unit = new Unit(undefined, undefined, factsOf(request))
  unit.isOver = true
  return unit
}

/** Makes requests the scope of `User.get(1)`, and of jobs that run in them. */
function decorateAmbient(
  app: FastifyInstance,
  sessionOf: SessionOf,
  workOf: (request: FastifyRequest) => Unit,
): void {
  app.decorateRequest(ambient, function ambientSession(this: FastifyRequest) {
    return sessionOf(this)
  })
  app.decorateRequest(unitSlot, function ambientUnit(this: FastifyRequest) {
    return workOf(this)
  })
}

/**
 * Fastify and most error handlers send an error's message to the client. That of an error of the program
 * may name tables or columns. The details stay in the stack, which is logged.
 */
function hideDetails(error: unknown): void {
  if (error instanceof DataBridgeError) showMessage(error, error.clientMessage)
}

/** When a client may try again after all connections were in use. */
const retryAfterSeconds = 1

function isExhausted(error: unknown): boolean {
  return (
    error instanceof Error && 'code' in error && error.code === 'DATA_BRIDGE_ERR_POOL_EXHAUSTED'
  )
}

function refuseEarlyUse({ name, decorateAs }: Settings): never {
  const property = name === undefined ? decorateAs : `sessions.${name}`
  throw new DataBridgeError(
    'DATA_BRIDGE_ERR_SESSION_CLOSED',
    `request.${property} was used before the hooks of fastify-data-bridge ran; register fastify-data-bridge before the plugin whose hook uses it`,
  )
}
