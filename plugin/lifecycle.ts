import type { FastifyInstance, FastifyRequest, onSendHookHandler } from 'fastify'
import { ambientScope, DataBridgeError } from '../orm/index.ts'
import { slowStatementLog } from './warnings.ts'
import { requireRouteOptions, type Settings } from './options.ts'
import { RequestSession } from './request-session.ts'

type Slots = { [slot: symbol]: RequestSession | null }

/**
 * Ties a session to each request. All hooks belong to the instance: those of a route would miss the
 * routes that are declared in the same tick as the plugin, and 404s. They take callbacks, so that a
 * request without a session goes through them without a promise.
 */
export function addLifecycle(app: FastifyInstance, settings: Settings): void {
  // One for each registration: a child's instance and its parent's both see the child's requests.
  const slot = Symbol('fastify-data-bridge')
  const shutdown = new AbortController()
  const unitOf = (request: FastifyRequest): RequestSession | null =>
    (request as unknown as Slots)[slot] ?? null

  if (settings.isOwn) settings.database.slow = slowStatementLog(app.log, settings.slowQueryMs)

  app.decorateRequest(slot, null)
  app.decorateRequest(settings.decorateAs, {
    getter(this: FastifyRequest) {
      return (unitOf(this) ?? refuseEarlyUse(settings.decorateAs)).session()
    },
  })

  app.addHook('onRoute', function checkRouteOptions({ config, method, url }) {
    requireRouteOptions(config?.dataBridge, `${String(method)} ${url}`)
  })

  app.addHook('onRequest', function prepareSession(request, reply, done) {
    const unit = new RequestSession(settings, request, reply, shutdown.signal)
    ;(request as unknown as Slots)[slot] = unit
    if (settings.ambient) ambientScope.run(unit, done)
    else done()
  })

  app.addHook('onError', function rollbackOnError(request, _reply, error, done) {
    hideDetails(error)
    const unit = unitOf(request)
    if (unit === null || unit.fail(error)) done()
  })

  const commitOnSend: onSendHookHandler = function commitOnSend(request, _reply, payload, done) {
    const unit = unitOf(request)
    if (unit === null || !unit.isTouched) {
      unit?.seal()
      return done(null, payload)
    }
    goOn(unit.answer(payload), done)
  }
  app.addHook('onSend', commitOnSend)

  app.addHook('onClose', async function closeDatabase() {
    if (!settings.isOwn) return
    shutdown.abort()
    await settings.database.close()
  })
}

/** What Fastify throws when it goes on, such as for a header that cannot be sent, is the request's error then. */
function goOn(work: Promise<boolean>, next: (error?: Error) => void): void {
  work.then((isOn) => isOn && next()).catch(next)
}

/**
 * Fastify sends an error's message to the client, and so do most error handlers; this one may name
 * tables or columns. The details stay in the stack, which is logged.
 */
function hideDetails(error: unknown): void {
  if (!(error instanceof DataBridgeError)) return
  // A stack is made when it is first read, of the message that there is then.
  void error.stack
  Reflect.defineProperty(error, 'message', {
    value: error.clientMessage,
    configurable: true,
    writable: true,
  })
}

function refuseEarlyUse(property: string): never {
  throw new DataBridgeError(
    'DATA_BRIDGE_ERR_SESSION_CLOSED',
    `request.${property} was used before the hooks of fastify-data-bridge ran; register it before the plugin whose hook uses it`,
  )
}
