import { requireOneOf } from '../util/option-checks.ts'

/** What a transaction sees of the others. */
export type Isolation = 'read committed' | 'repeatable read' | 'serializable'

const isolations: readonly Isolation[] = ['read committed', 'repeatable read', 'serializable']

/** Refuses what is none; it becomes a part of BEGIN, which takes no parameters. */
export function requireIsolation(isolation: unknown, where = 'isolation'): void {
  requireOneOf(where, isolation, isolations)
}
