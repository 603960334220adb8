import type { FastifyReply, FastifyRequest } from 'fastify'
import type { DataBridgeError, Session, SessionStats } from '../orm/index.ts'
import { Answers } from './answers.ts'
import { Precondition } from './precondition.ts'
import { partialError } from './request-errors.ts'
import { sumOf } from './response-headers.ts'
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
  /** What it has cost so far. Undefined where the response must not say so. */
  readonly shownCost: SessionStats | undefined
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
    if (parts.length === 0) this.#listen()
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
    return this.#parts.length > 1 || this.#precondition !== undefined
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

  /** The cost of the request so far, on all databases whose cost is shown. */
  get cost(): SessionStats | undefined {
    const [first] = this.#parts
    if (this.#parts.length === 1) return first?.shownCost
    const shown = this.#parts.flatMap(({ shownCost }) => shownCost ?? [])
    return shown.length === 0 ? undefined : sumOf(shown)
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
   * everything is flushed first: then it is known what the request writes.
   */
  async flushBefore(committing: SessionPart, session: Session, payload: unknown): Promise<void> {
    for (const part of this.#parts) {
      if (part === committing) continue
      const other = part.unsaved(payload)
      if (other !== undefined) await other.flush()
    }
    if (this.#precondition === undefined) return
    if (session.hasUnsaved) await session.flush()
    this.#precondition.settle()
  }

  /**
   * A session has ended. The callbacks of all sessions run after the end of the last one: one may need what
   * another session of its request has locked.
   *
   * @param ending what the response waits for
   */
  ended<T>(session: Session, ending: T): Promise<T> | T {
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
    const raw: Raw = this.#reply.raw
    raw[ofResponse] = this
    raw.on('close', closed)
  }

  static closed(sessions: RequestSessions): void {
    for (const part of sessions.#parts) part.closed()
    // Whatever keeps another session from its end: these are committed.
    sessions.#isClosed = true
    if (sessions.#callbacks !== undefined) void sessions.#run(sessions.#callbacks)
  }
}

function closed(this: FastifyReply['raw']): void {
  const sessions = (this as Raw)[ofResponse]
  if (sessions !== undefined) RequestSessions.closed(sessions)
}
