import type {
  ConnectionWait,
  Observer,
  OperationEnd,
  Retry,
  SentStatement,
  StatementEnd,
} from './observer.ts'
import type { CallSite } from '../util/call-site.ts'
import type { Operation, Provenance } from './operation.ts'

/**
 * Several observers as one. It only has the methods that one of them has. If an observer throws, the process
 * gets a warning, and the session goes on.
 */
export class CombinedObserver implements Observer {
  /** @internal */
  readonly all: readonly Observer[]
  readonly operationStarted: Observer['operationStarted']
  readonly statementSent: Observer['statementSent']
  readonly connectionAwaited: Observer['connectionAwaited']
  readonly connectionReleased: Observer['connectionReleased']
  readonly transactionRetried: Observer['transactionRetried']
  readonly relationTouched: Observer['relationTouched']
  readonly listRead: Observer['listRead']
  readonly loadShared: Observer['loadShared']
  readonly transactionCalled: Observer['transactionCalled']
  readonly within: Observer['within']

  constructor(all: readonly Observer[]) {
    this.all = all
    // With functions of its own, each session would cost more than what it reports.
    if (has(all, 'operationStarted')) this.operationStarted = operationStarted
    if (has(all, 'statementSent')) this.statementSent = statementSent
    if (has(all, 'connectionAwaited')) this.connectionAwaited = awaited
    if (has(all, 'connectionReleased')) this.connectionReleased = released
    if (has(all, 'transactionRetried')) this.transactionRetried = retried
    if (has(all, 'relationTouched')) this.relationTouched = relationTouched
    if (has(all, 'listRead')) this.listRead = listRead
    if (has(all, 'loadShared')) this.loadShared = loadShared
    if (has(all, 'transactionCalled')) this.transactionCalled = transactionCalled
    const sender = all.find((each) => each.within !== undefined)
    if (sender?.within !== undefined) this.within = sender.within.bind(sender)
  }

  around<T>(operation: Operation, fn: () => T): T {
    const first = this.all.find((each) => each.around !== undefined)
    return first?.around === undefined ? fn() : first.around(operation, fn)
  }
}

function operationStarted(this: CombinedObserver, operation: Operation): OperationEnd | undefined {
  let end: OperationEnd | undefined
  for (let index = 0; index < this.all.length; index += 1) {
    try {
      end = inTurn(end, this.all[index]?.operationStarted?.(operation))
    } catch (error) {
      warn(error)
    }
  }
  return end
}

function statementSent(this: CombinedObserver, statement: SentStatement): StatementEnd | undefined {
  let end: StatementEnd | undefined
  for (let index = 0; index < this.all.length; index += 1) {
    try {
      end = inTurn(end, this.all[index]?.statementSent?.(statement))
    } catch (error) {
      warn(error)
    }
  }
  return end
}

function awaited(this: CombinedObserver, wait: ConnectionWait): void {
  tell(this.all, (each) => each.connectionAwaited?.(wait))
}

function released(this: CombinedObserver, heldMs: number): void {
  tell(this.all, (each) => each.connectionReleased?.(heldMs))
}

function retried(this: CombinedObserver, retry: Retry): void {
  tell(this.all, (each) => each.transactionRetried?.(retry))
}

function relationTouched(
  this: CombinedObserver,
  ...[owner, relation, isLoaded, provenance]: Parameters<NonNullable<Observer['relationTouched']>>
): CallSite | undefined {
  let site: CallSite | undefined
  // Each property of an entity comes here: a function for each would cost more than the rest.
  for (let index = 0; index < this.all.length; index += 1) {
    try {
      site = this.all[index]?.relationTouched?.(owner, relation, isLoaded, provenance) ?? site
    } catch (error) {
      warn(error)
    }
  }
  return site
}

function listRead(this: CombinedObserver, list: Provenance): void {
  tell(this.all, (each) => each.listRead?.(list))
}

function loadShared(this: CombinedObserver): void {
  tell(this.all, (each) => each.loadShared?.())
}

function transactionCalled(this: CombinedObserver): void {
  tell(this.all, (each) => each.transactionCalled?.())
}

function tell(all: readonly Observer[], telling: (each: Observer) => void): void {
  for (const each of all) {
    try {
      telling(each)
    } catch (error) {
      warn(error)
    }
  }
}

function has(all: readonly Observer[], method: keyof Observer): boolean {
  for (let index = 0; index < all.length; index += 1)
    if (all[index]?.[method] !== undefined) return true
  return false
}

type End<O> = ((outcome: O) => void) | undefined

/** Combines two end functions. An array for each statement would cost more than the functions themselves. */
function inTurn<O>(first: End<O>, second: End<O>): End<O> {
  if (second === undefined) return first
  return (outcome) => {
    first?.(outcome)
    try {
      second(outcome)
    } catch (error) {
      warn(error)
    }
  }
}

function warn(error: unknown): void {
  process.emitWarning(`an observer of fastify-data-bridge has thrown: ${String(error)}`, {
    code: 'DATA_BRIDGE_OBSERVER',
  })
}
