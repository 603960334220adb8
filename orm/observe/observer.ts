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

/** Several observers as one, which watches only what one of them watches. */
export function combineObservers(observers: readonly Observer[]): Observer {
  const [only] = observers
  if (observers.length === 1 && only !== undefined) return only
  const ofOperations = observers.filter((observer) => observer.operationStarted !== undefined)
  const ofStatements = observers.filter((observer) => observer.statementSent !== undefined)
  return {
    ...(ofOperations.length > 0 && {
      operationStarted: (operation) =>
        endAll(ofOperations.map((each) => each.operationStarted?.(operation))),
    }),
    ...(ofStatements.length > 0 && {
      statementSent: (statement) =>
        endAll(ofStatements.map((each) => each.statementSent?.(statement))),
    }),
  }
}

function endAll<T>(ends: readonly (((outcome: T) => void) | undefined)[]): (outcome: T) => void {
  return (outcome) => {
    for (const end of ends) end?.(outcome)
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
