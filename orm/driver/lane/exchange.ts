import type { Connection, Submittable } from 'pg'
import { encodeExchange } from './encode.ts'
import type { ExchangeHost } from './exchange-host.ts'
import type { Failure, Parameter, Part } from './part.ts'
import { type Step, stepOf } from './step.ts'
import { throwLater } from './throw-later.ts'

export type Ended = (failure: Failure | undefined) => void

type Callback = (error: unknown, result?: unknown) => void

const nobody: Callback = () => {}

/**
 * Statements with one Sync behind them, as a query of a `pg` client. This class knows how far the exchange
 * has come; its two feeds tell it what the server says.
 */
export abstract class Exchange implements Submittable {
  /** For those who watch `pg`, as `values`, `name` and `callback` are. */
  readonly text: string
  readonly values: readonly Parameter[]
  // Own, or an instrumentation that copies what has no name would lose the methods.
  readonly name = ''
  // Others wrap it: time limits and instrumentations hear of the end by it.
  callback: Callback = nobody
  protected readonly host: ExchangeHost
  protected failure: Failure | undefined
  readonly #parts: readonly Part[]
  readonly #ended: Ended
  #steps: Step[] = []
  /** The part that the server is at. */
  #at = 0
  /** Whether the columns of the part were told. */
  #isTold = false
  #isOver = false
  #rowCount = 0

  constructor(host: ExchangeHost, parts: readonly Part[], ended: Ended) {
    this.host = host
    this.#parts = parts
    this.#ended = ended
    const only = parts.length === 1 ? parts[0] : undefined
    this.text = only === undefined ? parts.map(({ text }) => text).join('; ') : only.text
    this.values =
      only === undefined ? parts.flatMap(({ parameters }) => parameters) : only.parameters
  }

  /** `pg` calls it when it is the exchange's turn. Errors are returned, as `pg` expects. */
  submit(connection: Connection): Error | null {
    try {
      const { stream } = connection
      const bytes = encodeExchange(this.#plan())
      this.host.begin(this, connection)
      if (stream.writable) stream.write(bytes)
      return null
    } catch (cause) {
      const error = cause instanceof Error ? cause : new Error(String(cause), { cause })
      this.fail({ error, part: undefined, isLost: false })
      return error
    }
  }

  #plan(): readonly Step[] {
    const { statements, readsBytes } = this.host
    const number = this.host.nextNumber()
    const parts = this.#parts
    for (let at = 0; at < parts.length; at += 1)
      this.#steps.push(stepOf(parts[at]!, statements, number, readsBytes))
    return this.#steps
  }

  abstract handleReadyForQuery(connection: Connection): void
  abstract handleError(error: unknown, connection: Connection): void

  protected get step(): Step | undefined {
    return this.#steps[this.#at]
  }

  protected get isTold(): boolean {
    return this.#isTold
  }

  get isAtLastPart(): boolean {
    return this.#at === this.#steps.length - 1
  }

  /** The server knows the statement of the part. */
  parsed(): void {
    const statement = this.step?.statement
    if (statement === undefined) return
    statement.isKnown = true
    this.host.statements.add(statement)
  }

  /** @param typeIds of the columns; none if the part gives no rows */
  described(typeIds: readonly number[]): void {
    const { step } = this
    if (step === undefined) return
    if (step.statement !== undefined) step.statement.typeIds = typeIds
    this.#tell(step, typeIds)
  }

  /** Reads rows of the part from now on: tells its columns, if they have been known before. */
  protected beginRows(step: Step): void {
    if (!this.#isTold) this.#tell(step, step.statement?.typeIds)
  }

  #tell({ part }: Step, typeIds: readonly number[] | undefined): void {
    this.#isTold = true
    if (this.failure !== undefined || typeIds === undefined) return
    try {
      part.described?.(typeIds)
    } catch (error) {
      this.failAtPart(error)
    }
  }

  completed(tag: string, rowCount: number): void {
    const { step } = this
    if (step === undefined)
      throw new Error('Expected one result for each statement, got another one')
    if (!this.#isTold) this.beginRows(step)
    this.#rowCount += rowCount
    if (this.failure === undefined) {
      try {
        step.part.completed?.(tag, rowCount)
      } catch (error) {
        this.failAtPart(error)
      }
    }
    this.#at += 1
    this.#isTold = false
  }

  /** What comes after the first failure does not count. */
  failAtPart(error: unknown): void {
    const part = this.#at < this.#steps.length ? this.#at : undefined
    this.fail({ error, part, isLost: false })
  }

  protected fail(failure: Failure): void {
    this.failure ??= failure
  }

  /** The server is ready for the next query. */
  finish(): void {
    if (this.failure === undefined && this.#at !== this.#parts.length) {
      const error = new Error(`Expected ${this.#parts.length} results, got ${this.#at}`)
      this.fail({ error, part: undefined, isLost: true })
    }
    this.end()
  }

  /** The connection is gone, or nobody waits for the answer any more. */
  lose(error: unknown): void {
    this.failure = { error: this.failure?.error ?? error, part: undefined, isLost: true }
    this.end()
  }

  protected end(): void {
    if (this.#isOver) return
    this.#isOver = true
    const { failure, callback } = this
    try {
      if (callback !== nobody) this.#answer(callback)
    } catch (error) {
      throwLater(error)
    }
    try {
      this.#ended(failure)
    } catch (error) {
      throwLater(error)
    }
  }

  #answer(callback: Callback): void {
    if (this.failure !== undefined) callback(this.failure.error)
    else callback(null, { rowCount: this.#rowCount, rows: [], fields: [] })
  }
}
