import type { Finding, FindingSeverity } from '../../observe/finding.ts'
import type { SentStatement, StatementEnd } from '../../observe/observer.ts'
import type { CallSite } from '../../util/call-site.ts'
import { Calls } from '../calls.ts'
import { made } from '../finding.ts'
import type { ProgramQuery } from '../program-query.ts'
import type { Evidence } from '../rule.ts'
import { siteOf } from '../source-position.ts'
import { keyOf } from '../values.ts'
import { Writes } from '../writes.ts'

/** A statement that was sent, and those that were the same. */
interface Seen {
  readonly query: ProgramQuery
  readonly text: string
  readonly firstSite: CallSite | undefined
  readonly calls: Calls
  /** Which attempt of a transaction it belongs to, and what was written before it. */
  readonly attempt: number
  readonly writes: number
  lastSite: CallSite | undefined
  endedAt: number
  pauses: number
}

// Enough for any request; those beyond are not compared.
const mostStatements = 1_000

// Fewer cost little.
const manyRepeats = 5

// Whoever waits that long asks whether something has changed.
const pauseMs = 250

/**
 * Finds statements that a session sends again with the same values, although nothing that they read was written in
 * between. What locks, what gives another value each time, and what asks again after a rollback is no repetition.
 */
export class DuplicateRule {
  readonly #least: number
  readonly #isTold: (query: ProgramQuery) => boolean
  readonly #writes = new Writes()
  readonly #bySession = new WeakMap<object, Map<string, Seen>>()
  readonly #all = new Set<Seen>()

  /** @param isTold whether another rule has found the pattern of a statement */
  constructor({ settings }: Evidence, isTold: (query: ProgramQuery) => boolean) {
    this.#least = settings.mode === 'count' ? Infinity : settings.thresholds.duplicate
    this.#isTold = isTold
  }

  get findings(): readonly Finding[] {
    const byText = new Map<string, Seen[]>()
    for (const seen of this.#all) {
      if (seen.calls.count < this.#least || isPolling(seen)) continue
      const { pattern } = seen.query.facts
      byText.set(pattern, [...(byText.get(pattern) ?? []), seen])
    }
    return [...byText.values()]
      .filter(([first]) => first !== undefined && !this.#isTold(first.query))
      .map(findingOf)
  }

  /** A statement is sent by which the program reads nothing. */
  others(statement: SentStatement): undefined {
    if (this.#least < Infinity && statement.kind === 'write') this.#writes.written(statement)
  }

  /** @param attempt tells what the session did before a rollback */
  sent(
    query: ProgramQuery,
    { text }: SentStatement,
    session: object,
    attempt: number,
  ): StatementEnd | undefined {
    if (this.#least === Infinity || query.facts.isLocking || query.facts.isVolatile)
      return undefined
    const ofSession = this.#bySession.get(session) ?? new Map<string, Seen>()
    this.#bySession.set(session, ofSession)
    const key = `${keyOf(query.values)} ${text}`
    const before = ofSession.get(key)
    const isAgain =
      before !== undefined &&
      before.attempt === attempt &&
      !this.#writes.haveConcerned(text, before.writes)
    const seen = isAgain ? before : this.#begun(query, text, attempt, before)
    if (seen === undefined) return undefined
    ofSession.set(key, seen)
    return this.#called(seen, query.operation.site, () => ofSession.delete(key))
  }

  #called(seen: Seen, site: CallSite | undefined, forget: () => void): StatementEnd {
    if (performance.now() - seen.endedAt >= pauseMs) seen.pauses += 1
    seen.lastSite = site
    const ended = seen.calls.add(site)
    return (outcome) => {
      ended(outcome)
      seen.endedAt = performance.now()
      if (outcome.error === undefined) return
      // What failed has to be sent again.
      forget()
      if (seen.calls.count === 1) this.#all.delete(seen)
    }
  }

  #begun(
    query: ProgramQuery,
    text: string,
    attempt: number,
    before: Seen | undefined,
  ): Seen | undefined {
    if (before?.calls.count === 1) this.#all.delete(before)
    if (this.#all.size >= mostStatements) return undefined
    const { site } = query.operation
    const seen: Seen = {
      query,
      text,
      firstSite: site,
      calls: new Calls(),
      attempt,
      writes: this.#writes.now,
      lastSite: site,
      endedAt: Infinity,
      pauses: 0,
    }
    this.#all.add(seen)
    return seen
  }
}

/** Whether one loop waits for something to happen. */
function isPolling({ calls, pauses }: Seen): boolean {
  return pauses * 2 >= calls.count - 1 && pauses > 0 && (calls.haveLoop || calls.site === undefined)
}

function findingOf(all: readonly Seen[]): Finding {
  const [first] = all as readonly [Seen]
  const most = all.reduce((one, other) => (other.calls.count > one.calls.count ? other : one))
  const count = all.reduce((sum, { calls }) => sum + calls.count, 0)
  const repeats = count - all.length
  const site = most.calls.haveLoop ? most.calls.site : most.lastSite
  const told = {
    count,
    durationMs: all.reduce((sum, { calls }) => sum + calls.durationMs, 0),
    site,
  }
  return made(told, {
    kind: 'duplicate',
    target: first.query.target,
    confidence: 'likely',
    sql: first.query.facts.pattern,
    fix: fixOf(most),
    avoidableQueries: repeats,
    ...(repeats + 1 < manyRepeats && { severity: 'info' satisfies FindingSeverity }),
  })
}

function fixOf({ firstSite }: Seen): string {
  const where = firstSite && siteOf(firstSite)
  const first = where === undefined ? '' : `, at ${where.file}:${where.line}:${where.column}`
  return `keep the result of the first one${first}, and pass it on`
}
