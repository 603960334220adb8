import type { FastifyReply, FastifyRequest } from 'fastify'
import {
  type DataBridgeError,
  refusalOf,
  refuseFlagged,
  type Session,
  type Unit,
} from '../orm/index.ts'
import { Answers } from './answers.ts'
import type { Arrival } from './arrival.ts'
import type { Settings } from './options.ts'
import { Precondition } from './precondition.ts'
import { partialError } from './request-errors.ts'
import { RequestReport } from './request-report.ts'
import { statusOf } from './payload.ts'
import { isGone } from './response.ts'
import type { RunningCallbacks } from './running-callbacks.ts'

/** What {@link RequestSessions} asks of the session of one database. */
export interface SessionPart {
  /** The place of its database in the order of registration. */
  readonly order: number
  /** Whether its commit has begun, however it ends. */
  readonly hasBegunCommit: boolean
  readonly isCommitted: boolean
  readonly hasEnded: boolean
  /** How it ends, once that is decided. */
  readonly ending: Promise<{ readonly isCommitted: boolean }> | undefined
  /** The session, where it has changes that will be committed. */
  unsaved(payload: unknown): Session | undefined
  /** The session, where a flush would complete what the response is made of. */
  incomplete(): Session | undefined
  abort(reason: () => DataBridgeError): void
  /** The response is closed. */
  closed(): void
}

const ofResponse = Symbol('fastify-data-bridge.sessions')

type Callbacks = NonNullable<ReturnType<Session['takeCallbacks']>>

type Raw = FastifyReply['raw'] & { [ofResponse]?: RequestSessions }

/**
 * The sessions of one request: one for each database that it uses, in the order of registration. There
 * is no transaction over several databases. All sessions are flushed, then each is committed by itself.
 */
export class RequestSessions {
  readonly #reply: FastifyReply
  readonly #running: RunningCallbacks
  readonly #parts: SessionPart[] = []
  #report: RequestReport | undefined
  /** Whether the response is on its way. */
  #isLeaving = false
  #isListening = false
  #answers: Answers | undefined
  #precondition: Precondition | undefined
  #hasRefused = false
  /** The callbacks of sessions that are committed, while another session has not ended. */
  #callbacks: Callbacks | undefined
  /** Whether the response is closed: nothing waits for callbacks. */
  #isClosed = false

  constructor(reply: FastifyReply, running: RunningCallbacks) {
    this.#reply = reply
    this.#running = running
  }

  /** Which answer the client gets. Undefined while the request has neither failed nor an answer that waits. */
  get knownAnswers(): Answers | undefined {
    return this.#answers
  }

  get answers(): Answers {
    return (this.#answers ??= new Answers(this.#reply, this))
  }

  /** Adds a session that was opened. */
  add(part: SessionPart): void {
    const parts = this.#parts
    parts.push(part)
    if (parts.length > 1) parts.sort((one, other) => one.order - other.order)
  }

  get areUsed(): boolean {
    return this.#parts.length > 0
  }

  /** What `If-Match` demands. Undefined if it demands nothing, and before {@link readPrecondition}. */
  get precondition(): Precondition | undefined {
    return this.#precondition
  }

  /** Throws if `If-Match` is malformed. */
  readPrecondition(request: FastifyRequest): Precondition | undefined {
    return (this.#precondition ??= Precondition.of(request))
  }

  /** Whether {@link flushBefore} has something to do. */
  get flushFirst(): boolean {
    return this.#parts.length > 1 || this.#precondition !== undefined || this.#isStrict
  }

  get #isStrict(): boolean {
    return this.#report?.unit.isStrict === true
  }

  /**
   * What the sessions of the request belong to, on whatever database they are.
   *
   * @param settings of the database that asks
   */
  unitOf(request: FastifyRequest, settings: Settings, arrival: Arrival | undefined): Unit {
    const report = (this.#report ??= this.#beginReport(request, settings))
    if (arrival !== undefined) report.arrived(arrival)
    return report.unit
  }

  #beginReport(request: FastifyRequest, settings: Settings): RequestReport {
    const report = new RequestReport(request, this.#reply, settings)
    // Nothing would tell it.
    if (this.#reply.raw.writableEnded || isGone(this.#reply)) report.unit.isOver = true
    else this.#listen()
    return report
  }

  /** How many queries the response may say that the request has sent so far. */
  get shownQueryCount(): number {
    return this.#report?.shownQueryCount ?? 0
  }

  /** Whether the request has to fail for what was found in it. */
  get isFlagged(): boolean {
    return this.#isStrict && this.#report?.unit.refused !== undefined
  }

  /** The error that a response has to be in place of a success; undefined if it may be one. */
  refusal(payload: unknown): Error | undefined {
    if (!this.#isStrict || this.#report === undefined || this.haveCommitted) return undefined
    if (statusOf(this.#reply.statusCode, payload) >= 400) return undefined
    return refusalOf(this.#report.unit)
  }

  /** The response leaves, and no session will begin: says in its headers what the request has cost. */
  leave(): void {
    if (this.#report?.unit.isUsed !== true) return
    this.#report.show()
    this.left()
  }

  /** The head of the response has left, and no session will begin. */
  left(): void {
    this.#isLeaving = true
    this.#tell()
  }

  /** Tells what the request did, when all its sessions have ended. */
  #tell(): void {
    if (this.#isLeaving && this.#parts.every(({ hasEnded }) => hasEnded)) this.#report?.tell()
  }

  /** Whether the commit of one has begun. The others are flushed then. */
  get haveBegunCommit(): boolean {
    return this.#parts.some(({ hasBegunCommit }) => hasBegunCommit)
  }

  /** How the last commit that has begun ends. */
  get begunCommit(): SessionPart['ending'] {
    return this.#parts.findLast(({ hasBegunCommit }) => hasBegunCommit)?.ending
  }

  /** Whether one is committed: a rollback of the others would leave a part of the work saved. */
  get haveCommitted(): boolean {
    return this.#parts.some(({ isCommitted }) => isCommitted)
  }

  /** The sessions whose flush would complete what the response is made of; undefined if there are none. */
  incomplete(): Session[] | undefined {
    let sessions: Session[] | undefined
    for (const part of this.#parts) {
      const session = part.incomplete()
      if (session !== undefined) (sessions ??= []).push(session)
    }
    return sessions
  }

  /**
   * Finds what another database refuses, as far as a flush can find it, before the first commit. With `If-Match`,
   * everything is flushed first: then it is known what the request writes. So it is in the mode `'strict'`, for what
   * the request sends.
   */
  async flushBefore(committing: SessionPart, session: Session, payload: unknown): Promise<void> {
    for (const part of this.#parts) {
      if (part === committing) continue
      const other = part.unsaved(payload)
      if (other !== undefined) await other.flush()
    }
    if (this.#precondition === undefined && !this.#isStrict) return
    if (session.hasUnsaved) await session.flush()
    this.#precondition?.settle()
    if (this.#report !== undefined) refuseFlagged(this.#report.unit)
  }

  /**
   * A session has ended. The callbacks of all sessions run after the end of the last one: one may need what
   * another session of its request has locked.
   *
   * @param ending what the response waits for
   */
  ended<T>(session: Session, ending: T): Promise<T> | T {
    this.#tell()
    const callbacks = session.takeCallbacks()
    if (callbacks !== undefined) this.#callbacks = [...(this.#callbacks ?? []), ...callbacks]
    if (this.#callbacks === undefined) return ending
    const areAllOver = this.#parts.every(({ hasEnded }) => hasEnded)
    if (!areAllOver && !this.#isClosed) return ending
    const running = this.#run(this.#callbacks)
    return areAllOver ? running.then(() => ending) : ending
  }

  #run(callbacks: Callbacks): Promise<void> {
    this.#callbacks = undefined
    return this.#running.run(callbacks)
  }

  abort(reason: () => DataBridgeError): void {
    for (const part of this.#parts) part.abort(reason)
  }

  /** The error of a commit that failed. A client that repeats a request must not save a part of it twice. */
  refusalOf(error: unknown): Error {
    const refusal = error instanceof Error ? error : new Error(String(error))
    return this.haveCommitted ? partialError(refusal) : refusal
  }

  /**
   * A call was refused because its session was ended from outside. Usually the handler awaits it and
   * fails with the same error, which is logged then. Otherwise it would be seen nowhere.
   */
  refused(error: unknown): void {
    if (this.#hasRefused) return
    this.#hasRefused = true
    setImmediate(() => {
      if (this.#answers?.hasFailed === true) return
      this.#reply.log.info(
        { err: error },
        'a call of an ended session was refused, and nothing awaits it',
      )
    })
  }

  /** One listener for all, without a function of its own: every request that uses a session has it. */
  #listen(): void {
    if (this.#isListening) return
    this.#isListening = true
    const raw: Raw = this.#reply.raw
    raw[ofResponse] = this
    raw.on('close', closed)
  }

  static closed(sessions: RequestSessions): void {
    for (const part of sessions.#parts) part.closed()
    // Whatever keeps another session from its end: these are committed.
    sessions.#isClosed = true
    if (sessions.#callbacks !== undefined) void sessions.#run(sessions.#callbacks)
    sessions.left()
    if (sessions.#report !== undefined) sessions.#report.unit.isOver = true
  }
}

function closed(this: FastifyReply['raw']): void {
  const sessions = (this as Raw)[ofResponse]
  if (sessions !== undefined) RequestSessions.closed(sessions)
}
