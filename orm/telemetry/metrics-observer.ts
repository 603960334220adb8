import type { Attributes } from '@opentelemetry/api'
import { DataBridgeError } from '../errors.ts'
import type { ConnectionWait, Observer, OperationEnd, SentStatement } from '../observe/observer.ts'
import type { Operation } from '../observe/operation.ts'
import { isRemote } from './attributes.ts'
import { failureAttributes } from './failure.ts'
import type { Instruments } from './metrics.ts'

/** Measures a session: how long its operations take, and how long it waits for connections and holds them. */
export class MetricsObserver implements Observer {
  readonly #instruments: Instruments
  readonly #common: Attributes
  readonly #pool: Attributes
  readonly #sending = new WeakSet<Operation>()

  constructor(instruments: Instruments, common: Attributes, pool: Attributes) {
    this.#instruments = instruments
    this.#common = common
    this.#pool = pool
  }

  operationStarted(operation: Operation): OperationEnd | undefined {
    if (!isRemote(operation)) return undefined
    const start = performance.now()
    return ({ error }) => {
      // A commit after reads has nothing to send: of many such the duration of commits would be that of nothing.
      const hasSent = this.#sending.delete(operation)
      if (!hasSent && error === undefined) return
      const attributes = { ...this.#common, ...nameAttributes(operation) }
      if (error !== undefined) Object.assign(attributes, failureAttributes(error))
      this.#instruments.duration.record(secondsSince(start), attributes)
    }
  }

  statementSent({ operation }: SentStatement): undefined {
    if (operation !== undefined) this.#sending.add(operation)
  }

  connectionAwaited({ durationMs, error }: ConnectionWait): void {
    const isTimeout =
      error instanceof DataBridgeError && error.code === 'DATA_BRIDGE_ERR_POOL_EXHAUSTED'
    if (isTimeout) this.#instruments.timeouts.add(1, this.#pool)
    if (error === undefined) this.#instruments.waitTime.record(durationMs / 1000, this.#pool)
  }

  connectionReleased(heldMs: number): void {
    this.#instruments.useTime.record(heldMs / 1000, this.#pool)
  }
}

function nameAttributes(operation: Operation): Attributes {
  if (operation.kind === 'session') return { 'db.operation.name': operation.name }
  if (operation.kind === 'relationship') {
    const { strategy, relation } = operation
    return { 'db.operation.name': strategy, 'db.collection.name': relation.target.fullName }
  }
  const { name, table } = operation
  return {
    'db.operation.name': name,
    ...(table !== undefined && { 'db.collection.name': table.fullName }),
  }
}

function secondsSince(start: number): number {
  return (performance.now() - start) / 1000
}
