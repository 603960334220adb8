import type { Finding } from '../../observe/finding.ts'
import type { SentStatement } from '../../observe/observer.ts'
import type { Operation } from '../../observe/operation.ts'
import type { CallSite } from '../../util/call-site.ts'
import { captureSite } from '../capture.ts'
import { made } from '../finding.ts'
import type { CallEnded } from '../http-calls.ts'
import type { Evidence, RuleOfTransactions } from '../rule.ts'
import type { SessionTransaction } from '../session-transaction.ts'
import type { TransactionLevel } from '../transaction-level.ts'

/** Calls of one host, or waits. */
interface Waits {
  readonly target: string
  readonly fix: string
  /** The place of the first. */
  readonly site: CallSite | undefined
  count: number
  durationMs: number
}

// More findings of one unit would not help.
const mostTargets = 64

const severeMs = 1000

// A process that is busy makes short waits long. In production only those count that no load explains.
const shortest = { detect: 100, count: 1000 }

/** Finds transactions that wait for something else, while they hold a connection, and locks: HTTP calls, or long pauses. */
export class ExternalIoRule implements RuleOfTransactions {
  readonly #evidence: Evidence
  readonly #shortestMs: number
  readonly #all = new Map<string, Waits>()

  constructor(evidence: Evidence) {
    this.#evidence = evidence
    this.#shortestMs = evidence.settings.mode === 'count' ? shortest.count : shortest.detect
  }

  get findings(): readonly Finding[] {
    return [...this.#all.values()].map(findingOf)
  }

  sent(_statement: SentStatement, transaction: SessionTransaction): undefined {
    const { waitedMs } = transaction
    if (waitedMs < this.#shortestMs) return
    const waits = this.#of('idle transaction', idleFix, () => siteOf(transaction.before))
    if (waits === undefined) return
    waits.count += 1
    waits.durationMs += waitedMs
  }

  callStarted(host: string): CallEnded | undefined {
    const { open } = this.#evidence
    if (open === undefined || open.size === 0) return undefined
    const held = [...open].map((transaction) => new Held(transaction))
    const target = `HTTP ${host}`
    const site = this.#all.has(target) ? undefined : captureSite()
    let waits: Waits | undefined
    return () => {
      const heldMs = held.map((each) => each.sinceLast())
      const most = Math.max(...heldMs)
      // The program has not waited for it, or the transaction is over.
      if (most < 0) return
      if (waits === undefined) {
        const first = held[heldMs.indexOf(most)]
        waits = this.#of(target, fixOf(host), () => site ?? siteOf(first?.last))
        if (waits === undefined) return
        waits.count += 1
      }
      waits.durationMs += most
    }
  }

  #of(target: string, fix: string, site: () => CallSite | undefined): Waits | undefined {
    const known = this.#all.get(target)
    if (known !== undefined || this.#all.size >= mostTargets) return known
    const waits: Waits = { target, fix, site: site(), count: 0, durationMs: 0 }
    this.#all.set(target, waits)
    return waits
  }
}

/** An open transaction, and the time in which it waits for a call. */
class Held {
  readonly #transaction: SessionTransaction
  readonly #level: TransactionLevel | undefined
  #since = performance.now()
  /** The last statement before the call. */
  readonly last: Operation | undefined

  constructor(transaction: SessionTransaction) {
    this.#transaction = transaction
    this.#level = transaction.outermost
    this.last = transaction.last
  }

  /** How many milliseconds more it has waited; negative if it does not wait. */
  sinceLast(): number {
    const { idleSince, outermost } = this.#transaction
    if (idleSince === undefined || outermost !== this.#level) return -1
    const [since, now] = [Math.max(this.#since, idleSince), performance.now()]
    this.#since = now
    this.#transaction.explain(since, now)
    return now - since
  }
}

const idleFix =
  'what the transaction waits for belongs before it, or into session.afterCommit(() => …): it holds a connection and its locks'

function fixOf(host: string): string {
  return `call ${host} before the transaction, or in session.afterCommit(() => …)`
}

function siteOf(operation: Operation | undefined): CallSite | undefined {
  let each = operation
  while (each?.parent !== undefined) each = each.parent
  return each?.site
}

function findingOf({ target, fix, ...measured }: Waits): Finding {
  return made(measured, {
    kind: 'tx.external_io',
    target,
    fix,
    avoidableQueries: 0,
    confidence: target === 'idle transaction' ? 'likely' : 'certain',
    severity: measured.durationMs >= severeMs ? 'error' : 'warn',
  })
}
