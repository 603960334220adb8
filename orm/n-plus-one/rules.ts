import type { Evidence, Rule } from './rule.ts'
import { ReadRules } from './rules/read-rules.ts'
import { RelationRule } from './rules/relation-rule.ts'
import { TransactionRules } from './rules/transaction-rules.ts'

/** All rules, in the order in which their findings are told. */
export function rulesOf(evidence: Evidence): readonly Rule[] {
  return [new RelationRule(evidence), new ReadRules(evidence), new TransactionRules(evidence)]
}

/** Lets go of entities: their sessions have ended, or were rolled back. */
export function release({ lists }: Evidence, rules: readonly Rule[]): void {
  if (lists.all.length > 0) for (const rule of rules) rule.settle?.()
  lists.release()
  for (const rule of rules) rule.release?.()
}
