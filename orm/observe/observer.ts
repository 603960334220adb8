import { attempt } from '../util/attempt.ts'
import { isRefusal, spare } from '../util/refusals.ts'
import type { CallSite } from '../util/call-site.ts'
import type { Operation, Outcome, Provenance, RelationMetadata } from './operation.ts'

/** A statement on its way to PostgreSQL. */
export interface SentStatement {
  readonly text: string
  /** The values of `$1`, `$2`, … */
  readonly parameters: readonly unknown[]
  readonly summary: string
  /** `control` is BEGIN, COMMIT, ROLLBACK, SAVEPOINT or SET: the session sends it by itself. */
  readonly kind: 'read' | 'write' | 'control'
  readonly operation: Operation | undefined
}

/** How a statement ended. */
export interface StatementOutcome {
  readonly durationMs: number
  readonly rows?: number
  readonly error?: unknown
}

/** A transaction that PostgreSQL refused and that is retried. */
export interface Retry {
  /** The number of the failed attempt, from 1. */
  readonly attempt: number
  readonly error: unknown
}

/** How the wait for a connection ended: with one, or with an error. */
export interface ConnectionWait {
  readonly durationMs: number
  readonly error?: unknown
}

export type OperationEnd = (outcome: Outcome) => void
export type StatementEnd = (outcome: StatementOutcome) => void

/**
 * Watches a session. The first two methods are called at the start, and may return a function that is
 * called at the end. An observer changes nothing, and nothing waits for it.
 */
export interface Observer {
  readonly operationStarted?: ((operation: Operation) => OperationEnd | undefined) | undefined
  readonly statementSent?: ((statement: SentStatement) => StatementEnd | undefined) | undefined
  /** The session got a connection from the pool, or failed to get one. */
  readonly connectionAwaited?: ((wait: ConnectionWait) => void) | undefined
  /** The session gave its connection back after so many milliseconds. */
  readonly connectionReleased?: ((heldMs: number) => void) | undefined
  readonly transactionRetried?: ((retry: Retry) => void) | undefined
  /**
   * The program reads the property of a relation: `post.author`. What it gives comes with the operation that loads the
   * relation, since the stack of an `await` does not have the program.
   *
   * @param isLoaded whether it can be read without a statement
   * @param provenance of the owner
   */
  readonly relationTouched?:
    | ((
        owner: object,
        relation: RelationMetadata,
        isLoaded: boolean,
        provenance: Provenance | undefined,
      ) => CallSite | undefined)
    | undefined
  /** A load of one row gets what another one, which is under way, reads. */
  readonly loadShared?: (() => void) | undefined
  /** A query has given a list of entities. */
  readonly listRead?: ((list: Provenance) => void) | undefined
  /** The program has called `transaction()`. */
  readonly transactionCalled?: (() => void) | undefined
  /** Calls `send`, which uses the driver, in the context of the operation. */
  readonly within?: (<T>(operation: Operation | undefined, send: () => T) => T) | undefined
  /** Calls `fn`, which is code of the program, in the context of the operation. */
  around?<T>(operation: Operation, fn: () => T): T
}

/** Calls `fn`, which is code of the program, in the context of the operation. */
export function around<T>(observer: Observer, operation: Operation, fn: () => T): T {
  return observer.around === undefined ? fn() : observer.around(operation, fn)
}

/** Calls `send`, which uses the driver, in the context of the operation. */
export function within<T>(observer: Observer, operation: Operation | undefined, send: () => T): T {
  return observer.within === undefined ? send() : observer.within(operation, send)
}

/** Runs an operation and reports it to the observer. If no observer watches operations, it only runs the work. */
export function observed<T>(
  observer: Observer,
  operation: Operation,
  work: () => Promise<T>,
  outcomeOf: (result: T) => Outcome,
): Promise<T> {
  const end = observer.operationStarted?.(operation)
  return end === undefined ? work() : reported(end, work, outcomeOf)
}

function reported<T>(
  end: OperationEnd,
  work: () => Promise<T>,
  outcomeOf: (result: T) => Outcome,
): Promise<T> {
  const reporting = attempt(work).then(
    (result) => {
      end(outcomeOf(result))
      return result
    },
    (error: unknown) => {
      end({ error })
      if (isRefusal(error)) queueMicrotask(() => spare(reporting, error))
      throw error
    },
  )
  return reporting
}
