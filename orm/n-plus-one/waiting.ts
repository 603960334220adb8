import { type EventLoopUtilization, performance } from 'node:perf_hooks'
import type { SentStatement } from '../observe/observer.ts'
import type { Operation } from '../observe/operation.ts'
import type { Activity } from './activity.ts'

/** How long an open transaction waits for the program between two statements. */
export class Waiting {
  readonly #activity: Activity
  readonly #isExact: boolean
  #count = 0
  #utilization: EventLoopUtilization | undefined
  /** The streams that the program reads: it may take its time for each row. */
  #streams: Set<Operation> | undefined
  #explainedMs = 0
  #explainedTo = 0
  /** When the last statement ended; undefined while one runs. */
  since: number | undefined

  /** @param isExact whether to leave out the time in which the process was busy */
  constructor(activity: Activity, isExact: boolean) {
    this.#activity = activity
    this.#isExact = isExact
  }

  /** A statement has ended. */
  began(): void {
    this.since = performance.now()
    this.#count = this.#activity.count
    if (this.#isExact) this.#utilization = performance.eventLoopUtilization()
  }

  /** The wait for something that has a finding of its own. */
  explain(since: number, until: number): void {
    this.#explainedMs += Math.max(until - Math.max(since, this.#explainedTo), 0)
    this.#explainedTo = until
  }

  /** @returns how long a statement that is sent now was waited for */
  sent(statement?: SentStatement): number {
    const { since } = this
    this.since = undefined
    const isStreaming = this.#streams !== undefined && this.#streams.size > 0
    if (statement !== undefined) this.#note(statement)
    if (since === undefined) return 0
    const waitedMs = performance.now() - since - this.#explainedMs
    this.#explainedMs = 0
    // It waits for PostgreSQL if another session asks for something. This statement is one, too.
    const isWorking = this.#activity.count > this.#count + 1
    if (isStreaming || isWorking || waitedMs < shortestMs) return 0
    return Math.min(waitedMs, this.#idleMs)
  }

  /** The transaction has ended. */
  over(): void {
    this.since = undefined
    this.#explainedMs = 0
    this.#streams = undefined
  }

  /** How long the process had nothing to do. */
  get #idleMs(): number {
    const before = this.#utilization
    return before === undefined ? Infinity : performance.eventLoopUtilization(before).idle
  }

  #note({ text, operation }: SentStatement): void {
    if (operation?.kind !== 'query' || operation.name !== 'stream') return
    if (text.startsWith('close ')) this.#streams?.delete(operation)
    else (this.#streams ??= new Set()).add(operation)
  }
}

// Shorter waits are not looked at.
const shortestMs = 100
