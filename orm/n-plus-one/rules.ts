import type { Evidence, Rule } from './rule.ts'
import { CountRule } from './rules/count-rule.ts'
import { DuplicateRule } from './rules/duplicate-rule.ts'
import { GetRule } from './rules/get-rule.ts'
import { QueryRule } from './rules/query-rule.ts'
import { RelationRule } from './rules/relation-rule.ts'
import { TransactionRules } from './rules/transaction-rules.ts'

/** All rules, in the order in which their findings are told. */
export function rulesOf(evidence: Evidence): readonly Rule[] {
  const gets = new GetRule(evidence)
  const queries = new QueryRule(evidence)
  const counts = new CountRule(evidence)
  const repeated = [gets, queries, counts]
  return [
    new RelationRule(evidence),
    ...repeated,
    new DuplicateRule(evidence, (query) => repeated.some((rule) => rule.tells(query))),
    new TransactionRules(evidence),
  ]
}

/** Lets go of entities: their sessions have ended, or were rolled back. */
export function release({ lists }: Evidence, rules: readonly Rule[]): void {
  if (lists.all.length > 0) for (const rule of rules) rule.settle?.()
  lists.release()
  for (const rule of rules) rule.release?.()
}
