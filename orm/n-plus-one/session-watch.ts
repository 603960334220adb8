import type { Observer, SentStatement, StatementEnd } from '../observe/observer.ts'
import type { Operation, Provenance, RelationMetadata } from '../observe/operation.ts'
import type { CallSite } from '../util/call-site.ts'
import { isAllowed, isAllowing, noteAllowed } from './allowing.ts'
import { captureSite } from './capture.ts'
import { inTurn } from './end-in-turn.ts'
import type { Evidence, Rule } from './rule.ts'
import { release } from './rules.ts'
import { SessionTransaction } from './session-transaction.ts'

/** Watches one session for the rules of its unit, and notes where the program calls. */
export class SessionWatch implements Observer {
  readonly #evidence: Evidence
  readonly #rules: readonly Rule[]
  readonly #allowed: () => readonly Rule[]
  // Made for the first transaction: most sessions only read.
  #transaction: SessionTransaction | undefined

  /** @param allowed the rules for what begins within `allowNPlusOne()` */
  constructor(evidence: Evidence, rules: readonly Rule[], allowed: () => readonly Rule[]) {
    this.#evidence = evidence
    this.#rules = rules
    this.#allowed = allowed
  }

  operationStarted(operation: Operation): undefined {
    noteAllowed(operation)
    if (this.#evidence.turns.isDue(operation)) operation.site = captureSite()
    if (operation.kind === 'session' && operation.name === 'rollback')
      release(this.#evidence, this.#rules)
    if (operation.kind !== 'relationship' || !operation.cacheHit) return
    for (const rule of this.#rules) rule.spared?.(operation.relation, operation.provenance)
  }

  relationTouched(
    _owner: object,
    relation: RelationMetadata,
    isLoaded: boolean,
    provenance: Provenance | undefined,
  ): CallSite | undefined {
    if (isLoaded) return undefined
    let site: CallSite | undefined
    for (const rule of this.#rules) site = rule.touched?.(relation, provenance) ?? site
    return site
  }

  listRead(list: Provenance): void {
    this.#evidence.lists.read(list)
  }

  transactionCalled(): void {
    if (isAllowing()) return
    const site = this.#evidence.turns.isTransactionDue() ? captureSite() : undefined
    this.#begun().called(site)
  }

  transactionRetried(): void {
    this.#transaction?.retried()
  }

  connectionAwaited(): void {
    this.#evidence.activity.asked()
  }

  connectionReleased(): void {
    this.#transaction?.released()
  }

  statementSent(statement: SentStatement): StatementEnd | undefined {
    this.#evidence.activity.asked()
    const transaction = statement.kind === 'control' ? this.#begun() : this.#transaction
    let end = transaction?.sent(statement)
    const rules = isAllowed(statement.operation) ? this.#allowed() : this.#rules
    for (const rule of rules) end = inTurn(end, rule.sent?.(statement, this, transaction))
    return end
  }

  #begun(): SessionTransaction {
    return (this.#transaction ??= new SessionTransaction(
      this.#evidence,
      this.#evidence.settings.mode !== 'count',
    ))
  }
}
