import { describe } from '../errors.ts'
import { optionError, refuseUnknown, requireBoolean } from '../util/option-checks.ts'
import { quote } from './identifier.ts'
import { type Lockable, lockedSources } from './locked-sources.ts'
import type { Sink, SqlNode } from './node.ts'
import type { Source } from './source.ts'

/** What a query locks, and what it does about rows that another transaction has locked. By default it waits for them. */
export interface LockOptions<in R = unknown> {
  /** Leaves locked rows out, for queues of jobs. */
  readonly skipLocked?: boolean | undefined
  /** Fails at once with `DATA_BRIDGE_ERR_STATEMENT_TIMEOUT` (`sqlState` 55P03) if a row is locked. */
  readonly noWait?: boolean | undefined
  /**
   * Which rows are locked: `(post) => [post, post.author]`. Relations are to-one, and never absent. A locked
   * relation is loaded with its row. Default: the rows of the query alone.
   */
  readonly of?: ((row: R) => Lockable | readonly Lockable[]) | undefined
}

/** {@link LockOptions} of `forUpdate()`. */
export interface UpdateLockOptions<in R = unknown> extends LockOptions<R> {
  /**
   * Leaves the keys of the rows to others: they may insert rows that refer to the locked ones. For rows that are
   * updated without their keys, and not deleted.
   */
  readonly noKey?: boolean | undefined
}

const strengths = { forUpdate: 'update', forShare: 'share' } as const

/** The method of a query that locks. */
export type LockMethod = keyof typeof strengths

const known = ['skipLocked', 'noWait', 'of']
const knownOf = { forUpdate: [...known, 'noKey'], forShare: known } as const

/** The lock of the rows that a SELECT gives. */
export class RowLock implements SqlNode {
  readonly method: LockMethod
  readonly shape: string
  /** Whether the rows of the query are locked. */
  readonly locksRoot: boolean
  /** The locked rows behind to-one relations. */
  readonly related: readonly Source[]
  readonly #text: string

  /** @param where the method as a message names it */
  constructor(source: Source, method: LockMethod, options: unknown, where: string) {
    const { of, noKey, ...wait } = checked(method, options, where)
    const sources = of === undefined ? [source] : lockedSources(source, of, where)
    const strength = `for ${noKey === true ? 'no key ' : ''}${strengths[method]}`
    this.method = method
    this.locksRoot = sources.includes(source)
    this.related = sources.filter((each) => each !== source)
    this.shape = `${strength}${of === undefined ? '' : ` of ${sources.map(({ shape }) => shape).join()}`}${waitOf(wait)}`
    // Without `of`, PostgreSQL would lock rows behind the outer joins of to-one relations too, which it cannot.
    this.#text = ` ${strength} of ${sources.map(({ alias }) => quote(alias)).join(', ')}${waitOf(wait)}`
    Object.freeze(this)
  }

  write(sink: Sink): void {
    for (const source of this.related) sink.requires(source)
    sink.text(this.#text)
  }
}

function checked(method: LockMethod, options: unknown, where: string): UpdateLockOptions {
  if (typeof options !== 'object' || options === null) {
    throw optionError(
      `${where} expected options such as { skipLocked: true }, got ${describe(options)}`,
    )
  }
  refuseUnknown(options, knownOf[method], where)
  const { skipLocked, noWait, noKey } = options as UpdateLockOptions
  requireBoolean(`${where}: skipLocked`, skipLocked)
  requireBoolean(`${where}: noWait`, noWait)
  requireBoolean(`${where}: noKey`, noKey)
  if (skipLocked === true && noWait === true)
    throw optionError(`${where} expected skipLocked or noWait, got both`)
  return options
}

function waitOf({ skipLocked, noWait }: LockOptions): string {
  if (skipLocked === true) return ' skip locked'
  return noWait === true ? ' nowait' : ''
}
