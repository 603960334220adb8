import { requireOneOf } from '../util/option-checks.ts'

/** An isolation level of PostgreSQL. */
export type Isolation = 'read committed' | 'repeatable read' | 'serializable'

const isolations: readonly Isolation[] = ['read committed', 'repeatable read', 'serializable']

/** Refuses other values. The level becomes a part of BEGIN, which takes no parameters. */
export function requireIsolation(isolation: unknown, where = 'isolation'): void {
  requireOneOf(where, isolation, isolations)
}
