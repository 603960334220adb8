import type { Finding } from '../observe/finding.ts'

const severe = 10

/**
 * The finding of a text that was sent again and again.
 *
 * @param target the verb and the table
 */
export function queryFinding(target: string, count: number, sql: string): Finding {
  return Object.freeze({
    kind: 'n1.query',
    target,
    count,
    avoidableQueries: count - 1,
    // A text does not prove that it belongs to the rows of a list.
    confidence: 'possible',
    severity: count >= severe ? 'error' : 'warn',
    sql,
    fix: 'one statement for all values: … = any($1), with an array; for a relation of entities, a loader such as selectinload(…)',
  })
}
