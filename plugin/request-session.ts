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
import { isSuccess } from './commit-on.ts'
import { DeferredCommit, type DeferredSession } from './deferred-commit.ts'
import { addTrailer, forgetLength } from './deferred-response.ts'
import type { Settings } from './options.ts'
import {
  discardPayload,
  hasNoBody,
  holdErrors,
  isStream,
  statusOf,
  withoutBody,
} from './payload.ts'
import { clientGoneError, lateError, shutdownError, timedOutError } from './request-errors.ts'
import { reportRequest } from './request-report.ts'
import type { RequestSessions, SessionPart } from './request-sessions.ts'
import { areHeadersWanted, setCostHeaders } from './response-headers.ts'
import { isGone, setErrorStatus } from './response.ts'
import { checkedRouteOptions, routeOptionsOf } from './route-options.ts'
import { slowStatementLog } from './warnings.ts'

/** How a session ended. */
interface Ending {
  readonly isCommitted: boolean
  readonly error?: Error
}

const notCommitted: Ending = { isCommitted: false }

/**
 * `sealed`: the response is on its way, too late for a first use of the session. `refused`: the commit
 * began and failed.
 */
type State = 'open' | 'sealed' | 'committing' | 'committed' | 'refused' | 'rolledBack'

/**
 * The session of a request on one database, from its first use to its end. The first who settles it
 * decides whether it is committed. Everyone after gets the same ending.
 */
export class RequestSession implements AmbientScope, SessionPart, DeferredSession {
  readonly #settings: Settings
  readonly #request: FastifyRequest
  readonly #reply: FastifyReply
  readonly #answers: Answers
  readonly #shutdown: AbortSignal
  readonly #sessions: RequestSessions
  readonly #arrival: ReturnType<Telemetry['arrival']> | undefined
  #trace: SessionTrace | undefined
  #session: Session | undefined
  #deferred: DeferredCommit | undefined
  #state: State = 'open'
  #ending: Promise<Ending> | undefined

  constructor(
    settings: Settings,
    request: FastifyRequest,
    reply: FastifyReply,
    shutdown: AbortSignal,
    sessions: RequestSessions,
  ) {
    sessions.add(this)
    this.#sessions = sessions
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

  get hasBegunCommit(): boolean {
    return this.#state === 'committing' || this.#state === 'committed' || this.#state === 'refused'
  }

  get isCommitted(): boolean {
    return this.#state === 'committed'
  }

  get shownCost(): SessionStats | undefined {
    const session = this.#session
    if (session?.isUsed !== true) return undefined
    return areHeadersWanted(this.#settings, this.#request) ? session.stats : undefined
  }

  unsaved(payload: unknown): Session | undefined {
    const session = this.#session
    if (session === undefined || this.#ending !== undefined) return undefined
    if (session.isClosed || !session.hasUnsaved) return undefined
    return this.#shouldCommit(payload) ? session : undefined
  }

  /**
   * An error was seen: from now on nothing is committed, whatever the answer is. The answer waits for
   * the rollback. This method does not, because Fastify takes no reply while an error hook waits, and
   * the handler may still run.
   *
   * @returns whether the error can be answered; false if another answer is already on its way
   */
  fail(error: unknown): boolean {
    const { log } = this.#request
    const isLate = isTimeout(error)
    if (this.#answers.isAnswering) {
      log.error({ err: error }, 'the request failed when its answer was on its way already')
      this.#answers.refuseOthers()
      if (isLate) this.abort(timedOutError)
      return false
    }
    this.#answers.awaitErrors(error)
    this.#deferred?.breakOff()
    if (this.#session !== undefined) {
      if (isLate) this.abort(timedOutError)
      void this.rollback().then(({ isCommitted }) => {
        if (isCommitted) log.warn('the request failed after its commit: what it wrote is saved')
      })
    }
    return true
  }

  /**
   * The response is about to leave. Throws if it claims a success that did not happen.
   *
   * @returns what leaves; undefined if another answer leaves in its place: an earlier one that is on
   * its way, or the answer to an error
   */
  async answer(payload: unknown): Promise<{ readonly payload: unknown } | undefined> {
    holdErrors(payload)
    const verdict = this.#answers.verdictOn(payload)
    if (verdict !== 'taken') {
      discardPayload(payload)
      if (verdict === 'refused') throw this.#answers.failure
      // The stream has begun as a success.
      if (this.#deferred?.isBroken === true) this.#reply.raw.destroy()
      return undefined
    }
    this.#answers.begin()
    try {
      if (this.#deferred !== undefined || this.#answers.hasFailed) forgetLength(this.#reply)
      if (this.#isDeferred(payload)) return { payload: this.#defer(payload) }
      await this.#settleFirst(payload)
      if (this.#isRead(payload)) return { payload }
      this.seal()
      return { payload: withoutBody(payload) }
    } finally {
      this.#answers.end()
    }
  }

  /** The answer has been handed on without an error. */
  left(): void {
    this.#answers.left()
  }

  /** Whether there is nothing to settle, neither now nor while the payload flows. */
  isIdle(payload: unknown): boolean {
    if (this.#session !== undefined || this.#deferred !== undefined) return false
    return !this.#isDeferred(payload) && this.#isRead(payload)
  }

  /** From now on, a session that is first asked for is refused: nobody would settle it. */
  seal(): void {
    if (this.#state === 'open') this.#state = 'sealed'
  }

  /** Commits if the response is a success, and rolls back otherwise. */
  settle(payload: unknown): Promise<Ending> {
    return (this.#ending ??= this.#end(() => this.#shouldCommit(payload), payload))
  }

  rollback(): Promise<Ending> {
    return (this.#ending ??= this.#end(() => false, undefined))
  }

  /**
   * Cancels what the session waits for, also in the flush before its commit: until COMMIT is sent, it
   * can be rolled back. After the commit of another database of the request, this one has to follow.
   */
  abort(reason: () => DataBridgeError): void {
    const isOver = this.#state === 'refused' || this.#state === 'rolledBack'
    if (isOver || this.#sessions.haveCommitted) return
    void this.#session?.abort(reason())
  }

  #open(): Session {
    const { raw } = this.#reply
    if (this.#state !== 'open' || raw.writableEnded || isGone(this.#reply)) throw lateError()
    const { readOnly, isolation, transaction, timeouts } = checkedRouteOptions(this.#request)
    const { database, slowQueryMs } = this.#settings
    if (this.#arrival !== undefined)
      this.#trace = database.telemetry?.scopeOf(this.#arrival, this.#request)
    const context: SessionContext = {
      trace: this.#trace,
      slow: slowStatementLog(this.#request.log, slowQueryMs),
    }
    const options = { readOnly, isolation, transaction, timeouts }
    const session = new Session(database, options, context).manage()
    raw.once('close', () => this.#closed())
    return session
  }

  #isDeferred(payload: unknown): boolean {
    if (!isStream(payload) || this.#ending !== undefined || this.#answers.hasFailed) return false
    return this.#isDeferring && !this.#hasNoBody(payload)
  }

  get #isDeferring(): boolean {
    return routeOptionsOf(this.#request).stream === 'deferred'
  }

  /** A deferred stream whose response has no body is not read: its session is closed already. */
  #isRead(payload: unknown): boolean {
    // The cheapest test first: Fastify makes an object of the route's options at each read.
    return !isStream(payload) || !this.#isDeferring || !this.#hasNoBody(payload)
  }

  #hasNoBody(payload: unknown): boolean {
    return hasNoBody(this.#request.method, statusOf(this.#reply.statusCode, payload))
  }

  #defer(payload: unknown): unknown {
    if (areHeadersWanted(this.#settings, this.#request)) {
      addTrailer(this.#request, this.#reply, () => String(this.#sessions.cost.queryCount))
    }
    this.#deferred ??= new DeferredCommit(this.#request, this.#reply, this)
    return this.#deferred.hold(payload)
  }

  /** Settles before the response leaves. Throws if this is the commit that failed. */
  async #settleFirst(payload: unknown): Promise<void> {
    const isFirst = this.#ending === undefined
    const settling = this.settle(payload)
    // After a timeout, the handler may wait for a long statement. The answer does not wait for its end.
    const { error } = this.#answers.isTimedOut ? notCommitted : await settling
    if (this.shownCost !== undefined) setCostHeaders(this.#reply, this.#sessions.cost)
    if (!isFirst || error === undefined) return
    discardPayload(payload)
    setErrorStatus(this.#reply, error)
    throw error
  }

  #shouldCommit(payload: unknown): boolean {
    const commitOn = routeOptionsOf(this.#request).commitOn ?? this.#settings.commitOn
    const isWanted = isSuccess(commitOn, this.#request, this.#reply, payload)
    return isWanted && !this.#answers.hasFailed
  }

  async #end(isWanted: () => boolean, payload: unknown): Promise<Ending> {
    const session = this.#session
    if (session === undefined) return notCommitted
    try {
      if (!isWanted() || !session.isUsed) return notCommitted
      if (session.isClosed && this.#shutdown.aborted) throw shutdownError()
      session.refuseLoss()
      if (session.isClosed) return notCommitted
      if (this.#sessions.areSeveral) await this.#sessions.flushOthers(this, payload)
      this.#state = 'committing'
      await session.commit()
      this.#state = 'committed'
      return { isCommitted: true }
    } catch (error) {
      return { isCommitted: false, error: this.#sessions.refusalOf(error) }
    } finally {
      await session.discard()
      this.#state = endOf(this.#state)
      if (session.isUsed) reportRequest(this.#settings, this.#request, this.#trace, session.stats)
    }
  }

  /** The response is closed: the client left, at any moment, or the response was ended by hand. */
  #closed(): void {
    this.seal()
    if (this.#ending !== undefined) return this.abort(clientGoneError)
    // This session is committed after that of another database, or fails with it.
    if (this.#sessions.haveBegunCommit) return
    if (this.#reply.raw.writableEnded && this.#session?.hasUnsaved === true) {
      this.#request.log.warn(
        'the response was ended by hand before the session was committed: what it changed is rolled back',
      )
    }
    void this.#session?.abort(clientGoneError())
    void this.rollback()
  }
}

function endOf(state: State): State {
  if (state === 'committed') return 'committed'
  return state === 'committing' ? 'refused' : 'rolledBack'
}
