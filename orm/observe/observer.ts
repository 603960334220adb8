import type { Operation, Outcome } from './operation.ts'

/** A statement on its way to PostgreSQL. */
export interface SentStatement {
  readonly text: string
  readonly summary: string
  /** `control` is BEGIN, COMMIT, ROLLBACK, SAVEPOINT, SET: what the session needs and nobody asked for. */
  readonly kind: 'read' | 'write' | 'control'
  readonly operation: Operation | undefined
}

/** How a statement ended. */
export interface StatementOutcome {
  readonly durationMs: number
  readonly rows?: number
  readonly error?: unknown
}

export type OperationEnd = (outcome: Outcome) => void
export type StatementEnd = (outcome: StatementOutcome) => void

/**
 * Watches a session. Both methods are called at the start, and may give a function that is called
 * at the end. An observer changes nothing, and nothing waits for it.
 */
export interface Observer {
  operationStarted?(operation: Operation): OperationEnd | undefined
  statementSent?(statement: SentStatement): StatementEnd | undefined
}

/**
 * Several observers as one, which watches only what one of them watches. One that throws is told of
 * in a warning and otherwise passed over: what is watched must not fail because it is watched.
 */
export function combineObservers(observers: readonly Observer[]): Observer {
  const ofOperations = observers.flatMap((each) => each.operationStarted?.bind(each) ?? [])
  const ofStatements = observers.flatMap((each) => each.statementSent?.bind(each) ?? [])
  return {
    ...(ofOperations.length > 0 && { operationStarted: tellAll(ofOperations) }),
    ...(ofStatements.length > 0 && { statementSent: tellAll(ofStatements) }),
  }
}

function tellAll<T, O>(
  starts: readonly ((started: T) => ((outcome: O) => void) | undefined)[],
): (started: T) => (outcome: O) => void {
  return (started) => {
    const ends = starts.map((start) => guarded(start, started))
    return (outcome) => {
      for (const end of ends) if (end !== undefined) guarded(end, outcome)
    }
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

/** Runs an operation under its observer. Without one that watches operations it is the work alone. */
export function observed<T>(
  observer: Observer,
  operation: Operation,
  work: () => Promise<T>,
  outcomeOf: (result: T) => Outcome,
): Promise<T> {
  const end = observer.operationStarted?.(operation)
  return end === undefined ? work() : reported(end, work, outcomeOf)
}

async function reported<T>(
  end: OperationEnd,
  work: () => Promise<T>,
  outcomeOf: (result: T) => Outcome,
): Promise<T> {
  try {
    const result = await work()
    end(outcomeOf(result))
    return result
  } catch (error) {
    end({ error })
    throw error
  }
}
