import { describe } from '../errors.ts'
import { optionError, refuseUnknown, requireBoolean } from '../util/option-checks.ts'
import { quote } from './identifier.ts'
import type { Sink, SqlNode } from './node.ts'
import type { Source } from './source.ts'

/** What a locking query does about rows that another transaction has locked. By default it waits for them. */
export interface LockOptions {
  /** Leaves locked rows out, for queues of jobs. */
  readonly skipLocked?: boolean | undefined
  /** Fails at once with `DATA_BRIDGE_ERR_STATEMENT_TIMEOUT` (`sqlState` 55P03) if a row is locked. */
  readonly noWait?: boolean | undefined
}

const strengths = { forUpdate: 'update', forShare: 'share' } as const

/** The method of a query that locks. */
export type LockMethod = keyof typeof strengths

const known = ['skipLocked', 'noWait']

/** The lock of the rows that a SELECT gives. */
export class RowLock implements SqlNode {
  readonly method: LockMethod
  readonly shape: string
  readonly #text: string

  /** @param where the method as a message names it */
  constructor(source: Source, method: LockMethod, options: unknown, where: string) {
    this.method = method
    this.shape = `for ${strengths[method]}${waitOf(options, where)}`
    // Of the root alone: PostgreSQL cannot lock rows behind the outer joins of to-one relations.
    this.#text = ` for ${strengths[method]} of ${quote(source.alias)}${waitOf(options, where)}`
    Object.freeze(this)
  }

  write(sink: Sink): void {
    sink.text(this.#text)
  }
}

function waitOf(options: unknown, where: string): string {
  if (typeof options !== 'object' || options === null) {
    throw optionError(
      `${where} expected options such as { skipLocked: true }, got ${describe(options)}`,
    )
  }
  refuseUnknown(options, known, where)
  const { skipLocked, noWait } = options as LockOptions
  requireBoolean(`${where}: skipLocked`, skipLocked)
  requireBoolean(`${where}: noWait`, noWait)
  if (skipLocked === true && noWait === true)
    throw optionError(`${where} expected skipLocked or noWait, got both`)
  if (skipLocked === true) return ' skip locked'
  return noWait === true ? ' nowait' : ''
}
