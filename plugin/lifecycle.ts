import type { FastifyInstance, FastifyRequest, onSendHookHandler } from 'fastify'
import { ambientScope, DataBridgeError, type Session } from '../orm/index.ts'
import { slowStatementLog } from './warnings.ts'
import type { Settings } from './options.ts'
import { RequestSession } from './request-session.ts'
import { RequestSessions } from './request-sessions.ts'
import { requireRouteOptions } from './route-options.ts'
import { plainEntities } from './serialization.ts'

type Slots = { [slot: symbol]: RequestSession | null }

const everySession = Symbol('fastify-data-bridge.every-session')

type Everything = { [everySession]: RequestSessions | null }

/** Gives the session of a request. */
export type SessionOf = (request: FastifyRequest) => Session

/**
 * Gives each request a session. All hooks belong to the instance: hooks of a route would miss 404s and
 * the routes that are declared in the same tick as the plugin. The hooks take callbacks, so that a
 * request without a session passes them without a promise.
 */
export function addLifecycle(app: FastifyInstance, settings: Settings): SessionOf {
  // Each registration has its own: the hooks of a parent and of its child both see the child's requests.
  const slot = Symbol('fastify-data-bridge')
  const shutdown = new AbortController()
  const unitOf = (request: FastifyRequest): RequestSession | null =>
    (request as unknown as Slots)[slot] ?? null

  if (settings.isOwn) settings.database.slow = slowStatementLog(app.log, settings.slowQueryMs)

  app.decorateRequest(slot, null)
  if (!app.hasRequestDecorator(everySession)) app.decorateRequest(everySession, null)
  app.addHook('onRoute', function checkRouteOptions({ config, method, url }) {
    requireRouteOptions(config?.dataBridge, `${String(method)} ${url}`)
  })

  app.addHook('onRequest', function prepareSession(request, reply, done) {
    const all = ((request as unknown as Everything)[everySession] ??= new RequestSessions())
    const unit = new RequestSession(settings, request, reply, shutdown.signal, all)
    ;(request as unknown as Slots)[slot] = unit
    if (settings.ambient) ambientScope.run(unit, done)
    else done()
  })

  app.addHook('onError', function rollbackOnError(request, reply, error, done) {
    hideDetails(error)
    settings.database.telemetry?.requestFailed(request)
    if (isExhausted(error)) reply.header('retry-after', String(retryAfterSeconds))
    const unit = unitOf(request)
    if (unit === null || unit.fail(error)) done()
  })

  app.addHook('preSerialization', plainEntities)

  const commitOnSend: onSendHookHandler = function commitOnSend(request, _reply, payload, done) {
    const unit = unitOf(request)
    if (unit === null || unit.isIdle(payload)) {
      unit?.seal()
      return done(null, payload)
    }
    unit
      .answer(payload)
      .then((answer) => {
        if (answer === undefined) return
        done(null, answer.payload)
        unit.left()
      })
      // Fastify may throw when it goes on, for example at a header that cannot be sent. That is the request's error
      // then. Fastify throws again if the first value thrown was not an Error.
      .catch(done)
      .catch(done)
  }
  app.addHook('onSend', commitOnSend)

  app.addHook('onClose', async function closeDatabase() {
    if (!settings.isOwn) return
    shutdown.abort()
    await settings.database.close()
  })

  return (request) => (unitOf(request) ?? refuseEarlyUse(settings)).session()
}

/**
 * Fastify and most error handlers send an error's message to the client, and this one may name tables
 * or columns. The details stay in the stack, which is logged.
 */
function hideDetails(error: unknown): void {
  if (!(error instanceof DataBridgeError)) return
  // The stack is made at its first read, with the message at that time.
  void error.stack
  Reflect.defineProperty(error, 'message', {
    value: error.clientMessage,
    configurable: true,
    writable: true,
  })
}

/** When a client may try again after all connections were in use. */
const retryAfterSeconds = 1

function isExhausted(error: unknown): boolean {
  return error instanceof DataBridgeError && error.code === 'DATA_BRIDGE_ERR_POOL_EXHAUSTED'
}

function refuseEarlyUse({ name, decorateAs }: Settings): never {
  const property = name === undefined ? decorateAs : `sessions.${name}`
  throw new DataBridgeError(
    'DATA_BRIDGE_ERR_SESSION_CLOSED',
    `request.${property} was used before the hooks of fastify-data-bridge ran; register fastify-data-bridge before the plugin whose hook uses it`,
  )
}
