import type { Finding } from '../../observe/finding.ts'
import type { StatementEnd } from '../../observe/observer.ts'
import type { QueryOperation } from '../../observe/operation.ts'
import { originOfValues, type ValueOrigin } from '../containment.ts'
import { made } from '../finding.ts'
import { queryWith } from '../fix.ts'
import { Origins } from '../origins.ts'
import { type Pattern, Patterns } from '../patterns.ts'
import { hasList, limitOf, type ProgramQuery } from '../program-query.ts'
import type { Repeated } from '../repeats.ts'
import type { Evidence } from '../rule.ts'

/** What all statements of a pattern have in common. */
type Told = Pick<ProgramQuery, 'target' | 'table'> & { readonly name: QueryOperation['name'] }

/**
 * Finds queries in a loop: of entities, of counts, of your own SQL and of other query builders. They have one text, and
 * other values each time. Batches, pages and what asks again for news are no such pattern.
 */
export class QueryRule {
  readonly #evidence: Evidence
  readonly #patterns: Patterns<string, Told>
  readonly #origins = new Origins()

  constructor(evidence: Evidence) {
    this.#evidence = evidence
    this.#patterns = new Patterns(evidence, evidence.settings.thresholds.query)
  }

  get findings(): readonly Finding[] {
    return this.#patterns.found(this.#find)
  }

  /** Whether it has found the pattern of a statement. */
  tells({ facts }: ProgramQuery): boolean {
    return this.#patterns.tells(facts.pattern, this.#find)
  }

  sent(query: ProgramQuery, attempt: number): StatementEnd | undefined {
    if (!isSingle(query)) return undefined
    const { operation, facts, values, target, table } = query
    const told = (): Told => ({ target, table, name: operation.name })
    const repeats = this.#patterns.of(facts.pattern, facts.pattern, told)
    return repeats?.sent(operation.site, values, limitOf(query), attempt)
  }

  /** Remembers where values came from. */
  settle(): void {
    void this.findings
  }

  readonly #find = (repeated: Repeated, { told, sql }: Pattern<Told>): Finding | undefined => {
    if (repeated.isPolling) return undefined
    const { lists, settings } = this.#evidence
    const origin = this.#origins.of(repeated, originOfValues(lists, sql, told.table, repeated))
    if (repeated.isPaging && origin?.relation === undefined) return undefined
    // A text alone proves less than a loop, or than keys.
    const isProved = repeated.isLoop || origin !== undefined
    if (!isProved && repeated.distinct < 2 * settings.thresholds.query) return undefined
    return made(repeated, {
      kind: 'n1.query',
      target: told.target,
      confidence: origin !== undefined ? 'certain' : repeated.isLoop ? 'likely' : 'possible',
      ...(origin !== undefined && { parent: lists.parentOf(origin.list) }),
      sql,
      fix: fixOf(told, origin),
    })
  }
}

/** Relations that are counted for the entities of a list have a rule of their own, and so has `get()`. */
function isSingle({ operation, facts, values }: ProgramQuery): boolean {
  if (values.length === 0 || facts.isBatch || facts.isLocking) return false
  if (operation.name === 'get' || hasList(values)) return false
  return operation.counted?.provenance?.list === undefined
}

function fixOf({ name }: Told, origin: ValueOrigin | undefined): string {
  const { list, path = [], relation } = origin ?? {}
  const isCount = name === 'count' || name === 'exists'
  if (list !== undefined && relation !== undefined)
    return queryWith(
      list,
      [...path, relation],
      isCount && relation.cardinality === 'many' ? 'countload' : 'selectinload',
    )
  if (name === 'execute')
    return 'one statement for all values: … = any($1), with an array; for a relation of entities, a loader such as selectinload(…)'
  return isCount || name === 'aggregate'
    ? 'one query for all values: .filter((row) => row.….in(values)), with groupBy() and aggregate()'
    : 'one query for all values: .filter((row) => row.….in(values)); for a relation of entities, a loader such as selectinload(…)'
}
