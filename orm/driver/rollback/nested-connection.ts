import type { Parameter } from '../../sql/node.ts'
import { statementsIn } from '../../sql/transaction-control.ts'
import type { Connection, Ended } from '../connection.ts'
import type { CopySource } from '../copy-in.ts'
import type { Failure } from '../lane/part.ts'
import type { RawOutcome } from '../raw-outcome.ts'
import { control, type Sending } from '../sending.ts'
import type { RowForm } from '../session-pool.ts'
import type { Caller, NestedLine, Turn } from './nested-line.ts'
import { divided, type NestedState, outside } from './nested-state.ts'
import { guardSteps, nestedSteps, type Step, undoingSteps, unguardSteps } from './nested-steps.ts'

/** What a session takes for its connection: its part of the one that all share. Its transaction is a savepoint. */
export class NestedConnection implements Connection {
  readonly #line: NestedLine
  /** The request or the job that has taken it. */
  readonly caller: Caller | undefined
  readonly #limitMs: number | false
  readonly needsProbe = false
  // `restoring` does it at each COMMIT.
  readonly needsReset = false
  #isCancelWanted: (() => boolean) | undefined
  #isUndoing = false
  #state: NestedState = outside
  #turn: Turn | undefined
  #loss: Error | undefined
  #isReleased = false

  constructor(line: NestedLine, caller: Caller | undefined, limitMs: number | false) {
    this.#line = line
    this.caller = caller
    this.#limitMs = limitMs
  }

  get #real(): Connection {
    return this.#line.real
  }

  /** Whether the savepoint of its transaction is there. */
  get isOpen(): boolean {
    return this.#state.isBegun && !this.#state.isUndone
  }

  get isInTransaction(): boolean {
    return this.#state.isBegun
  }

  get hasFailed(): boolean {
    return this.#state.hasFailed
  }

  get loss(): Error | undefined {
    return this.#loss ?? this.#line.loss
  }

  get isResettable(): boolean {
    return this.#real.isResettable
  }

  get isChanged(): boolean {
    return this.#real.isChanged
  }

  set isChanged(isChanged: boolean) {
    this.#real.isChanged = isChanged
  }

  send(sendings: readonly Sending[], ended: Ended): void {
    const start = (done: Ended): void => {
      const isOutermost = this.#line.isOutermost(this)
      const { restoring } = this.#line
      const steps = nestedSteps(sendings, { state: this.#state, isOutermost, restoring })
      if (steps.length > 0) return this.#run(steps, done)
      this.#state = outside
      done(undefined)
    }
    this.#enter(this.#kindOf(sendings), start, ended)
  }

  ask(text: string, done: Ended): void {
    this.send([control(text)], done)
  }

  objects(
    text: string,
    parameters: readonly Parameter[],
    form: RowForm | undefined,
  ): Promise<RawOutcome> {
    return this.#own(text, () => this.#real.objects(text, parameters, form))
  }

  copy(text: string, source: CopySource): Promise<number> {
    return this.#own(text, () => this.#real.copy(text, source))
  }

  stopCopy(error: unknown): void {
    this.#real.stopCopy(error)
  }

  outdate(cause: unknown, sendings: readonly Sending[]): boolean {
    return this.#real.outdate(cause, sendings)
  }

  doubtStatements(): void {
    this.#real.doubtStatements()
  }

  get isCancelling(): boolean {
    return this.#isCancelWanted !== undefined
  }

  cancel(isWanted: () => boolean): void {
    this.#isCancelWanted ??= isWanted
    const turn = this.#turn
    if (turn === undefined) return
    if (this.#line.isRunning(turn))
      return this.#real.cancel(() => this.#line.isRunning(turn) && !this.#isUndoing && isWanted())
    if (isWanted() && this.#line.leave(turn))
      process.nextTick(() => turn.refuse({ error: cancelled(), part: 0, isLost: false }))
  }

  settled(): Promise<void> {
    this.#isCancelWanted = undefined
    return Promise.resolve()
  }

  /** The connection of the others stays, unless a statement runs that could not be ended otherwise. */
  destroy(): void {
    const loss = (this.#loss ??= new Error('the connection was cut off'))
    const turn = this.#turn
    if (this.#line.isRunning(turn)) this.#real.destroy()
    else if (turn !== undefined && this.#line.leave(turn))
      process.nextTick(() => turn.refuse({ error: loss, part: undefined, isLost: true }))
  }

  probe(done: Ended): void {
    done(undefined)
  }

  reset(done: () => void): void {
    done()
  }

  replace(): void {}

  /** Rolls back what the session has left open. */
  release(): void {
    if (this.#isReleased) return
    this.#isReleased = true
    if (!this.isOpen || this.#line.loss !== undefined) return
    const nesting = { state: this.#state, isOutermost: true, restoring: '' }
    const steps = nestedSteps([control('rollback')], nesting)
    this.#enter(
      'other',
      (done) => this.#run(steps, done),
      () => {},
      false,
    )
  }

  #kindOf(sendings: readonly Sending[]): Turn['kind'] {
    if (this.isOpen)
      return sendings.every(({ statement }) => statement.kind === 'read') ? 'read' : 'other'
    const begins = sendings.some(
      ({ statement }) => statement.kind === 'control' && statement.summary.startsWith('BEGIN'),
    )
    return begins ? 'begin' : 'free'
  }

  /** @param start calls back when it is done */
  #enter(
    kind: Turn['kind'],
    start: (done: Ended) => void,
    ended: Ended,
    limitMs: number | false = this.#limitMs,
  ): void {
    const end = (failure: Failure | undefined): void => {
      this.#turn = undefined
      ended(failure)
    }
    const run = (next: () => void): void =>
      start((failure) => {
        this.#line.changed(this)
        next()
        end(failure)
      })
    this.#turn = { of: this, kind, limitMs, start: run, refuse: end }
    this.#line.enter(this.#turn)
  }

  #run(steps: readonly Step[], done: Ended): void {
    const sendings = steps.map(({ sending }) => sending)
    this.#real.send(sendings, (failure) => this.#settle(steps, failure, done))
  }

  #settle(steps: readonly Step[], failure: Failure | undefined, done: Ended): void {
    const real = this.#real
    // A cancel request that is still under way could hit what undoes the statement.
    if (real.isCancelling) return void real.settled().then(() => this.#settle(steps, failure, done))
    if (failure?.isLost === true || !real.isInTransaction) {
      this.#line.lose(failure?.error ?? new Error('its transaction has ended'))
      return done({ error: failure?.error ?? this.loss, part: undefined, isLost: true })
    }
    const { part } = failure ?? {}
    const at = part === undefined ? undefined : steps[part]
    const told = failure && { ...failure, part: at?.serves }
    // A row that could not be read is no failure for the server: it has run all of them.
    const count =
      failure !== undefined && (at === undefined || real.hasFailed) ? (part ?? 0) : steps.length
    this.#state = steps.slice(0, count).reduce((state, { change }) => change(state), this.#state)
    if (failure === undefined || !real.hasFailed) return done(told)
    const isInnermost = this.#line.isInnermost(this)
    const undoing = undoingSteps(this.#state, at?.isCommit === true, isInnermost)
    if (undoing === undefined) {
      this.#state = { ...this.#state, hasFailed: true }
      return done(told)
    }
    this.#isUndoing = true
    real.send(
      undoing.map(({ sending }) => sending),
      (again) => {
        this.#isUndoing = false
        if (again === undefined)
          this.#state = undoing.reduce((state, { change }) => change(state), this.#state)
        else this.#line.lose(again.error)
        done(told)
      },
    )
  }

  /** Runs your own SQL. A text with savepoints of its own cannot have one around it. */
  #own<T>(text: string, run: () => Promise<T>): Promise<T> {
    const { promise, resolve, reject } = Promise.withResolvers<T>()
    const divides = statementsIn(text).some(isDivision)
    const steps = divides ? [] : guardSteps(this.#state.isReadOnly)
    const work = (done: Ended): void => {
      // The request has ended with the savepoint before.
      const running = this.#isCancelWanted?.() === true ? Promise.reject(cancelled()) : run()
      running.then(
        (result) => {
          if (divides) this.#state = { ...divided('')(this.#state), hasFailed: false }
          this.#leave(divides, (failure) => {
            if (failure === undefined) resolve(result)
            done(failure)
          })
        },
        (error: unknown) => {
          const isLost = this.#real.loss !== undefined
          this.#settle([], { error, part: undefined, isLost }, (failure) => {
            if (this.#state.isGuarded) this.#leave(divides, () => done(failure))
            else done(failure)
          })
        },
      )
    }
    const start = (done: Ended): void => {
      if (steps.length === 0) return work(done)
      this.#run(steps, (failure) => (failure === undefined ? work(done) : done(failure)))
    }
    this.#enter('other', start, (failure) => failure && reject(failure.error))
    return promise
  }

  #leave(divides: boolean, done: Ended): void {
    if (divides) this.#settle([], undefined, done)
    else this.#run(unguardSteps(), done)
  }
}

const divisions: ReadonlySet<string> = new Set(['SAVEPOINT', 'RELEASE', 'ROLLBACK'])

function isDivision([first = '']: readonly string[]): boolean {
  return divisions.has(first.toUpperCase())
}

/** What the server says of a statement that was cancelled. */
function cancelled(): Error {
  const error = new Error('canceling statement due to user request')
  return Object.assign(error, { code: '57014', severity: 'ERROR' })
}
