import type { FastifyReply, FastifyRequest } from 'fastify'
import {
  type AmbientScope,
  DataBridgeError,
  Session,
  type SessionStats,
  type SessionTrace,
  type Tracing,
} from '../orm/index.ts'
import { logFindings } from './finding-log.ts'
import { type DataBridgeRouteOptions, requireRouteOptions, type Settings } from './options.ts'
import { setCostHeaders } from './response-headers.ts'
import { shouldCommit, statusOf } from './settle-policy.ts'

/** How a session ended. */
type Ending = { readonly isCommitted: boolean; readonly error?: Error }

const notCommitted: Ending = { isCommitted: false }
const failure = (): boolean => false

/**
 * The session of one request, from its first use to its end. Whoever settles first decides; everyone
 * after waits for the same ending.
 */
export class RequestSession implements AmbientScope {
  readonly #settings: Settings
  readonly #request: FastifyRequest
  readonly #reply: FastifyReply
  readonly #arrival: ReturnType<Tracing['arrival']> | undefined
  #trace: SessionTrace | undefined
  #session: Session | undefined
  #hasFailed = false
  #isAborted = false
  #isAnswered = false
  #settling: Promise<Ending> | undefined

  constructor(settings: Settings, request: FastifyRequest, reply: FastifyReply) {
    this.#settings = settings
    this.#request = request
    this.#reply = reply
    this.#arrival = settings.database.tracing?.arrival()
  }

  /** Whether there is anything to settle, so that a request without a session pays nothing. */
  get isTouched(): boolean {
    return this.#session !== undefined
  }

  /** The session, made when it is first asked for. */
  session(): Session {
    return (this.#session ??= this.#open())
  }

  /** An error was seen: nothing is committed, whatever will be answered. */
  doom(): void {
    this.#hasFailed = true
  }

  /** Ends the session of a request that has failed. */
  async rollback(): Promise<void> {
    const { isCommitted } = await this.#settle(failure)
    if (!isCommitted) return
    this.#request.log.warn(
      'the request failed after its session had been committed: what it wrote is saved',
    )
  }

  /** The response is about to leave. Throws where it must not leave as the success that it says it is. */
  async answer(payload: unknown): Promise<void> {
    const isFirst = this.#settling === undefined
    const { error } = await this.#settle(() => this.#shouldCommit(payload))
    if (this.#session?.isUsed === true && this.#settings.wantsHeaders(this.#request)) {
      setCostHeaders(this.#reply, this.#session.stats)
    }
    if (!isFirst || error === undefined) return
    discardPayload(payload)
    // An error handler that sets no status would answer 200 otherwise.
    this.#reply.code(error instanceof DataBridgeError ? error.statusCode : 500)
    throw error
  }

  /** The response is on its way: a session that is first asked for from now on could not be settled any more. */
  seal(): void {
    this.#isAnswered = true
  }

  #open(): Session {
    const { raw } = this.#reply
    if (this.#isAnswered || raw.writableEnded || isGone(this.#reply)) throw lateError()
    this.#checkRoute()
    const { readOnly, isolation } = this.#routeOptions
    const options = {
      ...(readOnly !== undefined && { readOnly }),
      ...(isolation !== undefined && { isolation }),
    }
    this.#trace = this.#traceOf(this.#request)
    const session = new Session(this.#settings.database, options, this.#trace).manage()
    raw.once('close', this.#onClose)
    return session
  }

  #traceOf(request: FastifyRequest & { opentelemetry?: () => unknown }): SessionTrace | undefined {
    if (this.#arrival === undefined) return undefined
    return this.#settings.database.tracing?.scopeOf(this.#arrival, request.opentelemetry?.())
  }

  get #routeOptions(): DataBridgeRouteOptions {
    return this.#request.routeOptions.config.dataBridge ?? {}
  }

  // Routes that are declared before the plugin has loaded are not checked when they are declared.
  #checkRoute(): void {
    const { config, method, url } = this.#request.routeOptions
    requireRouteOptions(config.dataBridge, `${String(method)} ${url}`)
  }

  #shouldCommit(payload: unknown): boolean {
    const commitOn = this.#routeOptions.commitOn ?? this.#settings.commitOn
    return shouldCommit({
      isAborted: this.#isAborted,
      hasFailed: this.#hasFailed,
      isWanted:
        commitOn === undefined
          ? statusOf(this.#reply.statusCode, payload) < 400
          : commitOn(this.#request, this.#reply),
    })
  }

  #settle(isSuccess: () => boolean): Promise<Ending> {
    this.#settling ??= this.#end(isSuccess)
    return this.#settling
  }

  async #end(isSuccess: () => boolean): Promise<Ending> {
    const session = this.#session
    if (session === undefined) return notCommitted
    try {
      if (!isSuccess() || session.isClosed || !session.isUsed) return notCommitted
      await session.commit()
      return { isCommitted: true }
    } catch (error) {
      return {
        isCommitted: false,
        error: error instanceof Error ? error : new Error(String(error)),
      }
    } finally {
      await session.discard()
      if (session.isUsed) this.#report(session.stats)
    }
  }

  #report(stats: SessionStats): void {
    if (this.#trace !== undefined)
      this.#settings.database.tracing?.recordOnRequest(this.#trace, stats)
    logFindings(this.#request.log, stats.findings)
  }

  // The one event of every end: the client left (in whatever phase), or the response was ended by hand.
  readonly #onClose = (): void => {
    this.#isAnswered = true
    if (this.#settling !== undefined) return
    this.#isAborted = true
    void this.#settle(failure)
  }
}

// Of HTTP/1 the response is destroyed with its socket; of HTTP/2 its stream is.
function isGone({ raw }: FastifyReply): boolean {
  const { stream } = raw as { readonly stream?: { readonly destroyed: boolean } }
  return raw.destroyed || stream?.destroyed === true
}

// Fastify leaves the stream of a response that a hook refused to its owner.
function discardPayload(payload: unknown): void {
  if (typeof payload !== 'object' || payload === null) return
  if ('destroy' in payload && typeof payload.destroy === 'function') payload.destroy()
  else if (payload instanceof ReadableStream) void payload.cancel().catch(() => undefined)
}

function lateError(): DataBridgeError {
  return new DataBridgeError(
    'DATA_BRIDGE_ERR_SESSION_CLOSED',
    'the session of this request is used for the first time after its response was sent or its client has left; ' +
      'use it before, or work in app.dataBridge.run(…)',
  )
}
