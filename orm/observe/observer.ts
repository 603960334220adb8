import { attempt } from '../util/attempt.ts'
import { isRefusal, spare } from '../util/refusals.ts'
import type { Operation, Outcome } from './operation.ts'

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
  operationStarted?(operation: Operation): OperationEnd | undefined
  statementSent?(statement: SentStatement): StatementEnd | undefined
  /** The session got a connection from the pool, or failed to get one. */
  connectionAwaited?(wait: ConnectionWait): void
  /** The session gave its connection back after so many milliseconds. */
  connectionReleased?(heldMs: number): void
  transactionRetried?(retry: Retry): void
  /** Calls `send`, which uses the driver, in the context of the operation. */
  within?<T>(operation: Operation | undefined, send: () => T): T
}

/**
 * Combines several observers. The result only has methods that one of them has. If an observer throws, the
 * process gets a warning, and the session goes on.
 */
export function combineObservers(observers: readonly Observer[]): Observer {
  const ofOperations = observers.flatMap((each) => each.operationStarted?.bind(each) ?? [])
  const ofStatements = observers.flatMap((each) => each.statementSent?.bind(each) ?? [])
  const ofWaits = observers.flatMap((each) => each.connectionAwaited?.bind(each) ?? [])
  const ofReleases = observers.flatMap((each) => each.connectionReleased?.bind(each) ?? [])
  const ofRetries = observers.flatMap((each) => each.transactionRetried?.bind(each) ?? [])
  const around = observers.find((each) => each.within !== undefined)
  return {
    ...(ofOperations.length > 0 && { operationStarted: tellStartAndEnd(ofOperations) }),
    ...(ofStatements.length > 0 && { statementSent: tellStartAndEnd(ofStatements) }),
    ...(ofWaits.length > 0 && { connectionAwaited: tellAll(ofWaits) }),
    ...(ofReleases.length > 0 && { connectionReleased: tellAll(ofReleases) }),
    ...(ofRetries.length > 0 && { transactionRetried: tellAll(ofRetries) }),
    ...(around?.within !== undefined && { within: around.within.bind(around) }),
  }
}

type End<O> = ((outcome: O) => void) | undefined

function tellStartAndEnd<T, O>(
  starts: readonly ((started: T) => End<O>)[],
): (started: T) => End<O> {
  return (started) => {
    let end: End<O>
    for (const start of starts) end = inTurn(end, guarded(start, started))
    return end
  }
}

/** Combines two end functions. An array for each statement would cost more than the functions themselves. */
function inTurn<O>(first: End<O>, second: End<O>): End<O> {
  if (second === undefined) return first
  return (outcome) => {
    first?.(outcome)
    guarded(second, outcome)
  }
}

function tellAll<T>(all: readonly ((what: T) => void)[]): (what: T) => void {
  return (what) => {
    for (const tell of all) guarded(tell, what)
  }
}

function guarded<T, R>(tell: (what: T) => R, what: T): R | undefined {
  try {
    return tell(what)
  } catch (error) {
    process.emitWarning(`an observer of fastify-data-bridge has thrown: ${String(error)}`, {
      code: 'DATA_BRIDGE_OBSERVER',
    })
    return undefined
  }
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
