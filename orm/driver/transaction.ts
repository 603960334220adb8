/**
 * `none`: statements commit by themselves. `failed`: PostgreSQL refused a statement and now accepts only
 * ROLLBACK. `lost`: PostgreSQL rolled back, because the connection broke or the time limit was over.
 */
type State = 'none' | 'open' | 'failed' | 'lost'

/** The transaction of a session, as far as PostgreSQL has told. */
export class Transaction {
  #state: State = 'none'
  #failure: unknown
  #limit: NodeJS.Timeout | undefined
  #count = 0
  /** How often transactions of the session were rolled back to a savepoint. */
  recoveries = 0
  /** Whether a statement was executed in it, so that it cannot be begun again unnoticed. */
  hasExecuted = false

  /** Whether it is under way, failed or not. */
  get exists(): boolean {
    return this.#state !== 'none'
  }

  get isOpen(): boolean {
    return this.#state === 'open'
  }

  /** Another number in each transaction; undefined while there is none that takes statements. */
  get number(): number | undefined {
    return this.#state === 'open' ? this.#count : undefined
  }

  /** Whether it can no longer be committed. */
  get hasFailed(): boolean {
    return this.#state === 'failed' || this.#state === 'lost'
  }

  get isLost(): boolean {
    return this.#state === 'lost'
  }

  /** Whether a ROLLBACK has to be sent. */
  get needsRollback(): boolean {
    return this.#state === 'open' || this.#state === 'failed'
  }

  /** Why it has failed. */
  get failure(): unknown {
    return this.#failure
  }

  /** @param limit ends it when its time is over */
  began(limit: NodeJS.Timeout | undefined): void {
    this.#state = 'open'
    this.#count += 1
    this.#limit = limit
    this.hasExecuted = false
  }

  /** The first failure is kept: later ones follow from it. */
  fail(error: unknown, isLost: boolean): void {
    if (this.#state === 'none') return
    this.#failure ??= error
    this.#state = isLost ? 'lost' : 'failed'
  }

  /** Whether or not it has begun, nothing can be committed any more. */
  refuse(error: unknown): void {
    if (this.#state !== 'lost') this.#state = 'failed'
    this.#failure ??= error
  }

  /** It was rolled back to a savepoint. */
  recovered(): void {
    this.recoveries += 1
    this.#state = 'open'
    this.#failure = undefined
  }

  ended(): void {
    clearTimeout(this.#limit)
    this.#limit = undefined
    this.#state = 'none'
    this.#failure = undefined
  }
}
