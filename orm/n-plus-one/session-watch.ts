import type { Observer, SentStatement, StatementEnd } from '../observe/observer.ts'
import type { Operation, Provenance, RelationMetadata } from '../observe/operation.ts'
import type { CallSite } from '../util/call-site.ts'
import { captureSite } from './capture.ts'
import type { Evidence, Rule } from './rule.ts'

/** Watches one session for the rules of its unit, and notes where the program calls. */
export class SessionWatch implements Observer {
  readonly #evidence: Evidence
  readonly #rules: readonly Rule[]
  readonly #hasSites: boolean

  constructor(evidence: Evidence, rules: readonly Rule[]) {
    this.#evidence = evidence
    this.#rules = rules
    this.#hasSites = evidence.settings.mode !== 'count'
  }

  operationStarted(operation: Operation): undefined {
    if (!this.#hasSites || operation.parent !== undefined) return
    operation.site ??= captureSite()
  }

  relationTouched(
    _owner: object,
    _relation: RelationMetadata,
    isLoaded: boolean,
  ): CallSite | undefined {
    return isLoaded || !this.#hasSites ? undefined : captureSite()
  }

  listRead(list: Provenance): void {
    this.#evidence.lists.read(list)
    for (const rule of this.#rules) rule.listRead?.(list)
  }

  transactionCalled(): void {
    const site = this.#hasSites ? captureSite() : undefined
    for (const rule of this.#rules) rule.transactionCalled?.(this, site)
  }

  statementSent(statement: SentStatement): StatementEnd | undefined {
    let end: StatementEnd | undefined
    for (const rule of this.#rules) end = inTurn(end, rule.sent?.(statement, this))
    return end
  }
}

function inTurn(
  first: StatementEnd | undefined,
  second: StatementEnd | undefined,
): StatementEnd | undefined {
  if (first === undefined || second === undefined) return first ?? second
  return (outcome) => {
    first(outcome)
    second(outcome)
  }
}
