import type { Session, SessionStats } from '../orm/index.ts'
import { partialError } from './request-errors.ts'
import { sumOf } from './response-headers.ts'

/** What {@link RequestSessions} asks of the session of one database. */
export interface SessionPart {
  /** Whether its commit has begun, however it ends. */
  readonly hasBegunCommit: boolean
  readonly isCommitted: boolean
  /** What it has cost so far. Undefined where the response must not say so. */
  readonly shownCost: SessionStats | undefined
  /** The session, where it has changes that will be committed. */
  unsaved(payload: unknown): Session | undefined
}

/**
 * The sessions of one request: one for each database, in the order of registration. There is no
 * transaction over several databases. All sessions are flushed, then each is committed by itself.
 */
export class RequestSessions {
  readonly #parts: SessionPart[] = []

  add(part: SessionPart): void {
    this.#parts.push(part)
  }

  get areSeveral(): boolean {
    return this.#parts.length > 1
  }

  /** Whether the commit of one has begun. The others are flushed then. */
  get haveBegunCommit(): boolean {
    return this.#parts.some(({ hasBegunCommit }) => hasBegunCommit)
  }

  /** Whether one is committed: a rollback of the others would leave a part of the work saved. */
  get haveCommitted(): boolean {
    return this.#parts.some(({ isCommitted }) => isCommitted)
  }

  /** The cost of the request so far, on all databases whose cost is shown. */
  get cost(): SessionStats {
    return sumOf(this.#parts.flatMap(({ shownCost }) => shownCost ?? []))
  }

  /** Finds what another database refuses, as far as a flush can find it, before the first commit. */
  async flushOthers(committing: SessionPart, payload: unknown): Promise<void> {
    for (const part of this.#parts) {
      if (part === committing) continue
      const session = part.unsaved(payload)
      if (session !== undefined) await session.flush()
    }
  }

  /** The error of a commit that failed. A client that repeats a request must not save a part of it twice. */
  refusalOf(error: unknown): Error {
    const refusal = error instanceof Error ? error : new Error(String(error))
    return this.haveCommitted ? partialError(refusal) : refusal
  }
}
