import type { FastifyReply, FastifyRequest } from 'fastify'
import { type DataBridgeError, Session } from '../orm/index.ts'
import { isTimeout } from './answers.ts'
import type { Arrival } from './arrival.ts'
import { isSuccess } from './commit-on.ts'
import { DeferredCommit, type DeferredSession } from './deferred-commit.ts'
import {
  committed,
  type Ending,
  endedQuietly,
  endOf,
  isEnd,
  notCommitted,
  type State,
} from './ending.ts'
import { type Done, handOn, handOnError } from './done.ts'
import { addTrailer, forgetLength } from './deferred-response.ts'
import { holdStatus, releaseStatus } from './held-status.ts'
import type { Settings } from './options.ts'
import {
  discardPayload,
  hasNoBody,
  holdErrors,
  isStream,
  statusOf,
  withoutBody,
} from './payload.ts'
import type { Registration } from './registration.ts'
import { clientGoneError, lateError, shutdownError, timedOutError } from './request-errors.ts'
import type { RequestSessions, SessionPart } from './request-sessions.ts'
import { areHeadersWanted } from './response-headers.ts'
import { isGone, setErrorStatus } from './response.ts'
import { type DataBridgeRouteOptions, routeOptionsOf, sessionOptionsOf } from './route-options.ts'
import { slowStatementLog } from './warnings.ts'

/**
 * The session of a request on one database, from its first use to its end. The first who settles it
 * decides whether it is committed. Everyone after gets the same ending.
 */
export class RequestSession implements SessionPart, DeferredSession {
  readonly #registration: Registration
  readonly #request: FastifyRequest
  readonly #reply: FastifyReply
  readonly #sessions: RequestSessions
  readonly #arrival: Arrival
  #session: Session | undefined
  #deferred: DeferredCommit | undefined
  #state: State = 'open'
  #isWanted: boolean | undefined
  #ending: Promise<Ending> | undefined

  constructor(
    registration: Registration,
    request: FastifyRequest,
    arrival: Arrival,
    sessions: RequestSessions,
  ) {
    this.#registration = registration
    this.#request = request
    this.#reply = arrival.reply
    this.#sessions = sessions
    this.#arrival = arrival
  }

  /** The session, made when it is first asked for. */
  session(): Session {
    return (this.#session ??= this.#open())
  }

  get order(): number {
    return this.#registration.order
  }

  get hasBegunCommit(): boolean {
    return this.#state === 'committing' || this.#state === 'committed' || this.#state === 'refused'
  }

  get isCommitted(): boolean {
    return this.#state === 'committed'
  }

  get hasEnded(): boolean {
    return isEnd(this.#state)
  }

  unsaved(payload: unknown): Session | undefined {
    const session = this.#session
    if (session === undefined || this.#ending !== undefined) return undefined
    if (session.isClosed || !session.hasUnsaved) return undefined
    return this.#shouldCommit(payload) ? session : undefined
  }

  incomplete(): Session | undefined {
    const session = this.#session
    if (session === undefined || this.#ending !== undefined || this.#state !== 'open')
      return undefined
    if (this.#sessions.knownAnswers?.hasFailed === true || this.#reply.statusCode >= 400)
      return undefined
    return session.awaitsFlush ? session : undefined
  }

  /**
   * An error was seen: from now on nothing is committed, whatever the answer is. The answer waits for
   * the rollback. This method does not, because Fastify takes no reply while an error hook waits, and
   * the handler may still run.
   *
   * @param done goes on to the error handler. Not called if another answer is already on its way
   */
  fail(error: unknown, done: () => void): void {
    const { log } = this.#request
    const { answers } = this.#sessions
    const isLate = isTimeout(error)
    if (answers.isAnswering) {
      log.error({ err: error }, 'the request failed when its answer was on its way already')
      answers.refuseOthers()
      if (isLate) this.#sessions.abort(timedOutError)
      return
    }
    releaseStatus(this.#reply)
    answers.awaitErrors(error)
    this.#deferred?.breakOff()
    if (this.#session !== undefined) {
      if (isLate) this.abort(timedOutError)
      void this.rollback().then(({ isCommitted }) => {
        if (isCommitted) log.warn('the request failed after its commit: what it wrote is saved')
      })
    }
    answers.handleError(done)
  }

  /**
   * The response is about to leave. Ends the session at once where nothing has to be written, undone or
   * awaited.
   *
   * @returns whether it has ended, so that the payload can go on
   */
  endsAtOnce(payload: unknown): boolean {
    const session = this.#session
    if (this.#sessions.isFlagged) return false
    if (session === undefined) {
      if (!this.#isIdle(payload)) return false
      this.seal()
      this.#sessions.leave()
      return true
    }
    if (this.#ending !== undefined || this.#commitOn !== undefined) return false
    if (this.#sessions.knownAnswers !== undefined || isStream(payload)) return false
    if (this.#sessions.precondition !== undefined) return false
    if (session.isClosed || !session.isQuiet) return false
    this.#state = 'rolledBack'
    this.#ending = endedQuietly
    void session.endQuietly(this.#reply.statusCode < 400 ? 'commit' : 'rollback')
    this.#sessions.leave()
    return true
  }

  /**
   * The response is about to leave. Goes on with what leaves, or with an error where it claims a success
   * that did not happen. Goes on with nothing if another answer leaves in its place: an earlier one that
   * is on its way, or the answer to an error.
   */
  answer(payload: unknown, done: Done): void {
    holdErrors(payload)
    const { answers } = this.#sessions
    const verdict = answers.verdictOn(payload)
    if (verdict !== 'taken') {
      discardPayload(payload)
      if (verdict === 'refused') handOnError(answers.failure, done)
      // The stream has begun as a success.
      else if (this.#deferred?.isBroken === true) this.#reply.raw.destroy()
      return
    }
    answers.begin()
    if (this.#deferred !== undefined || answers.hasFailed) forgetLength(this.#reply)
    holdStatus(this.#reply, payload, answers.hasFailed)
    if (this.#isDeferred(payload)) {
      const held = this.#defer(payload)
      answers.end()
      return handOn(held, done, answers)
    }
    const isFirst = this.#ending === undefined
    const settling = this.settle(payload)
    // After a timeout, the handler may wait for a long statement. The answer does not wait for its end.
    void (answers.isTimedOut ? endedQuietly : settling).then(({ error }) => {
      answers.end()
      this.#sessions.leave()
      const refusal = (isFirst ? error : undefined) ?? this.#sessions.refusal(payload)
      if (refusal !== undefined) this.#refuse(payload, refusal, done)
      else handOn(this.#isRead(payload) ? payload : this.#unread(payload), done, answers)
    })
  }

  /** From now on, a session that is first asked for is refused: nobody would settle it. */
  seal(): void {
    if (this.#state === 'open') this.#state = 'sealed'
  }

  /** Commits if the response is a success, and rolls back otherwise. */
  settle(payload: unknown): Promise<Ending> {
    return (this.#ending ??= this.#end(true, payload))
  }

  rollback(): Promise<Ending> {
    return (this.#ending ??= this.#end(false, undefined))
  }

  /**
   * Cancels what the session waits for, also in the flush before its commit: until COMMIT is sent, it
   * can be rolled back. After the commit of another database of the request, this one has to follow.
   */
  abort(reason: () => DataBridgeError): void {
    const isOver = this.#state === 'refused' || this.#state === 'rolledBack'
    if (this.#ending === undefined && this.#sessions.haveBegunCommit) return
    if (isOver || this.#sessions.haveCommitted) return
    void this.#session?.abort(reason())
  }

  get ending(): Promise<Ending> | undefined {
    return this.#ending
  }

  follow(payload: unknown): boolean {
    const first = this.#ending === undefined ? this.#sessions.begunCommit : undefined
    if (first === undefined) return false
    void first.then(({ isCommitted }) => (isCommitted ? this.settle(payload) : this.rollback()))
    return true
  }

  /** The response is closed: the client left, at any moment, or the response was ended by hand. */
  closed(): void {
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

  get #settings(): Settings {
    return this.#registration.settings
  }

  get #commitOn(): DataBridgeRouteOptions['commitOn'] {
    return routeOptionsOf(this.#request).commitOn ?? this.#settings.commitOn
  }

  #open(): Session {
    const hasEnded = this.#reply.raw.writableEnded
    if (!hasEnded && isGone(this.#reply)) throw clientGoneError()
    if (this.#state !== 'open' || hasEnded) throw lateError()
    const { database, slowQueryMs } = this.#settings
    const { context } = this.#arrival
    const route = routeOptionsOf(this.#request)
    const options = sessionOptionsOf(route, database.timeouts)
    const session = new Session(database, options, {
      unit: this.#sessions.unitOf(this.#request, this.#settings, this.#arrival),
      trace: context && database.telemetry?.scopeOf(context, this.#request),
      slow: slowStatementLog(this.#request.log, slowQueryMs),
      tellRefused: (error) => this.#sessions.refused(error),
      guard:
        route.etag === true ? this.#sessions.readPrecondition(this.#request)?.guard() : undefined,
      log: this.#request.log,
    }).manage()
    this.#sessions.add(this)
    return session
  }

  /** Whether there is nothing to settle, neither now nor while the payload flows. */
  #isIdle(payload: unknown): boolean {
    return !isStream(payload) || (!this.#isDeferred(payload) && this.#isRead(payload))
  }

  #isDeferred(payload: unknown): boolean {
    if (!isStream(payload) || this.#ending !== undefined) return false
    if (this.#sessions.knownAnswers?.hasFailed === true) return false
    return this.#isDeferring && !this.#hasNoBody(payload)
  }

  get #isDeferring(): boolean {
    return routeOptionsOf(this.#request).stream === 'deferred'
  }

  /** A deferred stream whose response has no body is not read: its session is closed already. */
  #isRead(payload: unknown): boolean {
    return !isStream(payload) || !this.#isDeferring || !this.#hasNoBody(payload)
  }

  #hasNoBody(payload: unknown): boolean {
    return hasNoBody(this.#request.method, statusOf(this.#reply.statusCode, payload))
  }

  #defer(payload: unknown): unknown {
    if (areHeadersWanted(this.#settings, this.#request)) {
      const queryCount = (): string => String(this.#sessions.shownQueryCount)
      addTrailer(this.#request, this.#reply, queryCount)
    }
    this.#deferred ??= new DeferredCommit(this.#request, this.#reply, this)
    return this.#deferred.hold(payload)
  }

  #unread(payload: unknown): unknown {
    this.seal()
    return withoutBody(payload)
  }

  #refuse(payload: unknown, error: Error, done: Done): void {
    discardPayload(payload)
    setErrorStatus(this.#reply, error)
    handOnError(error, done)
  }

  /** Asks `commitOn` once. */
  #shouldCommit(payload: unknown): boolean {
    this.#isWanted ??= isSuccess(this.#commitOn, this.#request, this.#reply, payload)
    return this.#isWanted && this.#sessions.knownAnswers?.hasFailed !== true
  }

  /** @param isWanted whether it may be committed */
  #end(isWanted: boolean, payload: unknown): Promise<Ending> {
    const session = this.#session
    if (session === undefined) return endedQuietly
    try {
      if (!isWanted || !this.#shouldCommit(payload) || !session.isUsed)
        return Promise.resolve(this.#ended(session, notCommitted))
      if (session.isClosed && this.#registration.shutdown.aborted) throw shutdownError()
      session.refuseLoss()
      if (session.isClosed) return Promise.resolve(this.#ended(session, notCommitted))
      const committing = this.#sessions.flushFirst
        ? this.#sessions.flushBefore(this, session, payload).then(() => this.#commit(session))
        : this.#commit(session)
      return committing.then(
        () => {
          this.#state = 'committed'
          return this.#ended(session, committed)
        },
        (error: unknown) => this.#failed(session, error),
      )
    } catch (error) {
      return Promise.resolve(this.#failed(session, error))
    }
  }

  #commit(session: Session): Promise<void> {
    this.#state = 'committing'
    return session.commitOnly()
  }

  #failed(session: Session, error: unknown): Promise<Ending> | Ending {
    return this.#ended(session, { isCommitted: false, error: this.#sessions.refusalOf(error) })
  }

  #ended(session: Session, ending: Ending): Promise<Ending> | Ending {
    const discarding = session.discard()
    if (discarding === undefined) return this.#over(session, ending)
    return discarding.then(() => this.#over(session, ending))
  }

  #over(session: Session, ending: Ending): Promise<Ending> | Ending {
    this.#state = endOf(this.#state)
    if (this.#deferred !== undefined) this.#sessions.left()
    return this.#sessions.ended(session, ending)
  }
}
