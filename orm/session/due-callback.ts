import { inspect } from 'node:util'
import { around, observed, type Observer } from '../observe/observer.ts'
import { runCallbackOf } from './callback-scope.ts'
import { callbackOperation, noOutcome } from './operations.ts'
import type { SessionLife } from './session-life.ts'
import type { SessionLog, SessionParts } from './session-parts.ts'

/** What `afterCommit()` takes. */
export type Callback = () => unknown

/** A callback of `afterCommit()` whose unit of work is committed. */
export class DueCallback {
  readonly #callback: Callback
  readonly #life: SessionLife
  readonly #observer: Observer
  readonly #log: SessionLog | undefined

  constructor(callback: Callback, life: SessionLife, { observer, log }: SessionParts) {
    this.#callback = callback
    this.#life = life
    this.#observer = observer
    this.#log = log
  }

  /** Runs it, with a span. Never rejects. */
  async run(): Promise<void> {
    // Called without `this`.
    const callback = this.#callback
    const call = async (): Promise<unknown> => callback()
    this.#life.callbacks += 1
    try {
      const operation = callbackOperation(callback.name)
      const work = (): Promise<unknown> => around(this.#observer, operation, call)
      await runCallbackOf(this.#life, () => observed(this.#observer, operation, work, noOutcome))
    } catch (err) {
      this.#tell('error', { err }, 'a callback of afterCommit() failed: what was committed stays')
    } finally {
      this.#life.callbacks -= 1
    }
  }

  /** Says that nothing waits for it any more, nor for those behind it. */
  tellLate(limitMs: number, behind: number): void {
    const callback = this.#callback.name || 'a function without a name'
    this.#tell(
      'warn',
      { callback, behind },
      `callbacks of afterCommit() took more than ${limitMs} ms: ${callback} still runs, and ${behind} behind it begin now; nothing waits for them`,
    )
  }

  #tell(level: 'error' | 'warn', facts: object, message: string): void {
    try {
      if (this.#log !== undefined) return this.#log[level](facts, message)
      process.emitWarning(message, { code, detail: inspect(facts) })
    } catch (error) {
      process.emitWarning(`${message}; the log has thrown: ${inspect(error)}`, { code })
    }
  }
}

const code = 'DATA_BRIDGE_AFTER_COMMIT'
