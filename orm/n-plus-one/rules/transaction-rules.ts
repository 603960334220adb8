import type { Finding } from '../../observe/finding.ts'
import type { SentStatement, StatementEnd } from '../../observe/observer.ts'
import { inTurn } from '../end-in-turn.ts'
import { type CallEnded, together } from '../http-calls.ts'
import type { Evidence, Rule, RuleOfTransactions } from '../rule.ts'
import type { SessionTransaction } from '../session-transaction.ts'
import { ExternalIoRule } from './external-io-rule.ts'
import { FlushRule } from './flush-rule.ts'
import { TransactionRule } from './transaction-rule.ts'
import { WriteRule } from './write-rule.ts'

const none: readonly RuleOfTransactions[] = Object.freeze([])

/** The rules for what happens in transactions. Made for the first one: most units only read. */
export class TransactionRules implements Rule {
  readonly #evidence: Evidence
  #rules: readonly RuleOfTransactions[] = none

  constructor(evidence: Evidence) {
    this.#evidence = evidence
  }

  get findings(): readonly Finding[] {
    return this.#rules.flatMap(({ findings }) => findings)
  }

  sent(
    statement: SentStatement,
    _session: object,
    transaction: SessionTransaction | undefined,
  ): StatementEnd | undefined {
    if (transaction === undefined) return undefined
    if (this.#rules === none) this.#rules = rulesOf(this.#evidence)
    let end: StatementEnd | undefined
    for (const rule of this.#rules) end = inTurn(end, rule.sent(statement, transaction))
    return end
  }

  callStarted(host: string): CallEnded | undefined {
    return this.#rules === none
      ? undefined
      : together(this.#rules.map((rule) => rule.callStarted?.(host)))
  }
}

function rulesOf(evidence: Evidence): readonly RuleOfTransactions[] {
  return [
    new FlushRule(evidence),
    new WriteRule(evidence),
    new TransactionRule(evidence),
    new ExternalIoRule(evidence),
  ]
}
