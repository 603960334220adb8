import type { Operation } from '../observe/operation.ts'
import type { NPlusOneSettings, Thresholds } from './settings.ts'

/** Tells which calls of the program are worth a stack: in the mode `'count'` one of each kind, the first that may be too many. */
export class Turns {
  readonly #thresholds: Thresholds | undefined
  readonly #counts = new Map<object, Map<string, number>>()

  constructor({ mode, thresholds }: NPlusOneSettings) {
    this.#thresholds = mode === 'count' ? thresholds : undefined
  }

  /** Whether to note where the program calls for an operation. */
  isDue(operation: Operation): boolean {
    if (operation.parent !== undefined || operation.site !== undefined) return false
    const thresholds = this.#thresholds
    if (operation.kind === 'relationship') {
      // For a lazy load, the property has noted it: the stack of an `await` does not have the program.
      const { strategy, relation } = operation
      if (strategy === 'select' || strategy === 'peers') return false
      return thresholds === undefined || this.#isTurn(relation, strategy, thresholds.relation)
    }
    if (operation.kind === 'session') {
      const { name } = operation
      if (name !== 'flush' && name !== 'commit') return false
      return thresholds === undefined || this.#isTurn(this, name, thresholds.write)
    }
    const { name, table, counted, cacheHit, variant } = operation
    if (counted !== undefined || cacheHit === true) return false
    if (thresholds === undefined) return true
    const kind = variant === undefined ? name : `${name} ${variant}`
    return this.#isTurn(table ?? this, kind, thresholds[thresholdOf(operation)])
  }

  /** Whether to note where the program calls `transaction()`. */
  isTransactionDue(): boolean {
    const thresholds = this.#thresholds
    return thresholds === undefined || this.#isTurn(this, 'transaction', thresholds.write)
  }

  #isTurn(subject: object, kind: string, threshold: number): boolean {
    let counts = this.#counts.get(subject)
    if (counts === undefined) this.#counts.set(subject, (counts = new Map()))
    const count = (counts.get(kind) ?? 0) + 1
    counts.set(kind, count)
    return count === threshold
  }
}

const writes: ReadonlySet<string> = new Set(['insert', 'upsert', 'copy', 'update', 'delete'])

function thresholdOf({ name, variant }: Operation & { kind: 'query' }): keyof Thresholds {
  if (variant === 'deferred') return 'relation'
  if (name === 'get') return 'get'
  return writes.has(name) ? 'write' : 'query'
}
