import type { FastifyReply, FastifyRequest } from 'fastify'
import {
  type AmbientScope,
  type DataBridgeError,
  Session,
  type SessionContext,
  type SessionStats,
  type SessionTrace,
  type Telemetry,
} from '../orm/index.ts'
import { Answers, isTimeout } from './answers.ts'
import { addTrailer, forgetLength } from './deferred-response.ts'
import { requireAnswer } from './commit-on.ts'
import { DeferredCommit, type DeferredSession } from './deferred-commit.ts'
import {
  discardPayload,
  hasNoBody,
  holdErrors,
  isStream,
  statusOf,
  withoutBody,
} from './payload.ts'
import { goneError, lateError, shutdownError, timedOutError } from './request-errors.ts'
import { reportRequest } from './request-report.ts'
import type { RequestSessions, SessionPart } from './request-sessions.ts'
import { slowStatementLog } from './warnings.ts'
import type { Settings } from './options.ts'
import { type DataBridgeRouteOptions, requireRouteOptions } from './route-options.ts'
import { setCostHeaders } from './response-headers.ts'
import { isGone, setErrorStatus } from './response.ts'

/** How a session ended. */
type Ending = { readonly isCommitted: boolean; readonly error?: Error }

const notCommitted: Ending = { isCommitted: false }
const failure = (): boolean => false

/**
 * The session of one request, from its first use to its end. Whoever settles first decides; everyone
 * after waits for the same ending.
 */
export class RequestSession implements AmbientScope, SessionPart, DeferredSession {
  readonly #settings: Settings
  readonly #request: FastifyRequest
  readonly #reply: FastifyReply
  readonly #answers: Answers
  readonly #shutdown: AbortSignal
  readonly #all: RequestSessions
  readonly #arrival: ReturnType<Telemetry['arrival']> | undefined
  #trace: SessionTrace | undefined
  #session: Session | undefined
  #hasFailed = false
  #isAnswering = false
  #isAnswered = false
  #deferred: DeferredCommit | undefined
  /** `begun`: the other databases of the request are flushed. */
  #commit: 'none' | 'begun' | 'done' = 'none'
  #isSettled = false
  #settling: Promise<Ending> | undefined

  constructor(
    settings: Settings,
    request: FastifyRequest,
    reply: FastifyReply,
    shutdown: AbortSignal,
    all: RequestSessions,
  ) {
    all.add(this)
    this.#all = all
    this.#settings = settings
    this.#shutdown = shutdown
    this.#request = request
    this.#reply = reply
    this.#answers = new Answers(reply)
    this.#arrival = settings.database.telemetry?.arrival()
  }

  /** The session, made when it is first asked for. */
  session(): Session {
    return (this.#session ??= this.#open())
  }

  /**
   * An error was seen: nothing is committed any more, whatever will be answered. Its answer waits for
   * the rollback, and this does not: Fastify takes no reply while an error hook waits, and the handler
   * may still be running.
   *
   * @returns whether it can be answered: not where another answer is on its way already
   */
  fail(error: unknown): boolean {
    const { log } = this.#request
    const isLate = isTimeout(error)
    if (this.#isAnswering) {
      log.error({ err: error }, 'the request failed when its answer was on its way already')
      this.#answers.refuseOthers()
      if (isLate) this.abort(timedOutError)
      return false
    }
    this.#hasFailed = true
    this.#deferred?.breakOff()
    this.#answers.awaitErrors(error)
    if (this.#session !== undefined) {
      if (isLate) this.abort(timedOutError)
      void this.rollback().then(({ isCommitted }) => {
        if (isCommitted) log.warn('the request failed after its commit: what it wrote is saved')
      })
    }
    return true
  }

  /**
   * The response is about to leave. Throws where it must not leave as the success that it says it is.
   *
   * @returns what leaves; none where an earlier answer is on its way, so that it is another, or
   * where the answer of an error is to come, so that it says what was rolled back
   */
  async answer(payload: unknown): Promise<{ readonly payload: unknown } | undefined> {
    holdErrors(payload)
    const verdict = this.#isAnswering ? 'dropped' : this.#answers.verdictOn(payload)
    if (verdict !== 'taken') {
      discardPayload(payload)
      if (verdict === 'refused') throw this.#answers.failure
      // A deferred stream has begun whose request has failed: it must not end as a success.
      if (this.#deferred?.isBroken === true) this.#reply.raw.destroy()
      return undefined
    }
    this.#isAnswering = true
    try {
      if (this.#deferred !== undefined || this.#hasFailed) forgetLength(this.#reply)
      if (this.#isDeferred(payload)) return { payload: this.#defer(payload) }
      await this.#answer(payload)
      if (this.#isRead(payload)) return { payload }
      this.seal()
      return { payload: withoutBody(payload) }
    } finally {
      this.#isAnswering = false
    }
  }

  /** What was answered has been handed on without an error. */
  left(): void {
    this.#answers.left()
  }

  /** Whether there is nothing to settle, now or while the payload flows. */
  isIdle(payload: unknown): boolean {
    if (this.#session !== undefined || this.#deferred !== undefined) return false
    return !this.#isDeferred(payload) && this.#isRead(payload)
  }

  #isDeferred(payload: unknown): boolean {
    if (!isStream(payload) || this.#settling !== undefined || this.#hasFailed) return false
    return this.#isDeferring && !this.#hasNoBody(payload)
  }

  get #isDeferring(): boolean {
    return this.#routeOptions.stream === 'deferred'
  }

  /** Not where it would use a session that is closed, for a client that sees nothing of it. */
  #isRead(payload: unknown): boolean {
    // First what costs nothing: Fastify makes an object of the route's options each time they are asked for.
    return !isStream(payload) || !this.#isDeferring || !this.#hasNoBody(payload)
  }

  #hasNoBody(payload: unknown): boolean {
    return hasNoBody(this.#request.method, statusOf(this.#reply.statusCode, payload))
  }

  /** The session stays open while the stream flows, and is committed before its last byte. */
  #defer(payload: unknown): unknown {
    if (this.#wantsHeaders()) {
      addTrailer(this.#request, this.#reply, () => String(this.#all.cost.queryCount))
    }
    this.#deferred ??= new DeferredCommit(this.#request, this.#reply, this)
    return this.#deferred.hold(payload)
  }

  get hasBegunCommit(): boolean {
    return this.#commit !== 'none'
  }

  get isCommitted(): boolean {
    return this.#commit === 'done'
  }

  get shownCost(): SessionStats | undefined {
    const session = this.#session
    return session?.isUsed === true && this.#wantsHeaders() ? session.stats : undefined
  }

  unsaved(payload: unknown): Session | undefined {
    const session = this.#session
    if (session === undefined || this.#settling !== undefined) return undefined
    if (session.isClosed || !session.hasUnsaved) return undefined
    return this.#shouldCommit(payload) ? session : undefined
  }

  async #answer(payload: unknown): Promise<void> {
    const isFirst = this.#settling === undefined
    const settling = this.settle(payload)
    // The statement that the handler waits for may be why: its end is not waited for.
    const { error } = this.#answers.isTimedOut ? notCommitted : await settling
    if (this.#session?.isUsed === true && this.#wantsHeaders()) {
      setCostHeaders(this.#reply, this.#all.cost)
    }
    if (!isFirst || error === undefined) return
    discardPayload(payload)
    setErrorStatus(this.#reply, error)
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
    const { readOnly, isolation, transaction, timeouts } = this.#routeOptions
    const { database, slowQueryMs } = this.#settings
    if (this.#arrival !== undefined)
      this.#trace = database.telemetry?.scopeOf(this.#arrival, this.#request)
    const context: SessionContext = {
      trace: this.#trace,
      slow: slowStatementLog(this.#request.log, slowQueryMs),
    }
    const options = { readOnly, isolation, transaction, timeouts }
    const session = new Session(database, options, context).manage()
    raw.once('close', this.#onClose)
    return session
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
    const isWanted =
      commitOn === undefined
        ? statusOf(this.#reply.statusCode, payload) < 400
        : requireAnswer(commitOn(this.#request, this.#reply))
    return isWanted && !this.#hasFailed
  }

  // The session has been settled: what is only told must not change how it ended.
  #wantsHeaders(): boolean {
    try {
      return this.#settings.wantsHeaders(this.#request) === true
    } catch (error) {
      this.#request.log.error(
        { err: error },
        'the option headers of fastify-data-bridge has thrown',
      )
      return false
    }
  }

  /**
   * Cancels what the session waits for, in the flush of its commit too: until COMMIT is sent it can still be
   * rolled back. Not where another database of the request is committed already, which would be left alone.
   */
  abort(reason: () => DataBridgeError): void {
    if (this.#isSettled || this.#all.haveCommitted) return
    void this.#session?.abort(reason())
  }

  /** Commits where the response is a success, and rolls back otherwise. */
  settle(payload: unknown): Promise<Ending> {
    return (this.#settling ??= this.#end(() => this.#shouldCommit(payload), payload))
  }

  rollback(): Promise<Ending> {
    return (this.#settling ??= this.#end(failure, undefined))
  }

  async #end(isSuccess: () => boolean, payload: unknown): Promise<Ending> {
    const session = this.#session
    if (session === undefined) return notCommitted
    try {
      if (!isSuccess() || !session.isUsed) return notCommitted
      if (session.isClosed && this.#shutdown.aborted) throw shutdownError()
      session.refuseLoss()
      if (session.isClosed) return notCommitted
      if (this.#all.areSeveral) await this.#all.flushOthers(this, payload)
      this.#commit = 'begun'
      await session.commit()
      this.#commit = 'done'
      return { isCommitted: true }
    } catch (error) {
      return { isCommitted: false, error: this.#all.refusalOf(error) }
    } finally {
      await session.discard()
      this.#isSettled = true
      if (session.isUsed) reportRequest(this.#settings, this.#request, this.#trace, session.stats)
    }
  }

  // The one event of every end: the client left (in whatever phase), or the response was ended by hand.
  readonly #onClose = (): void => {
    this.#isAnswered = true
    if (this.#settling !== undefined) return this.abort(goneError)
    // Another database is being committed: this one is committed behind it, or fails with it.
    if (this.#all.haveBegunCommit) return
    if (this.#reply.raw.writableEnded && this.#session?.hasUnsaved === true) {
      this.#request.log.warn(
        'the response was ended by hand before the session was committed: what it changed is rolled back',
      )
    }
    void this.#session?.abort(goneError())
    void this.rollback()
  }
}
