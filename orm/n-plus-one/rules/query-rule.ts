import type { Finding } from '../../observe/finding.ts'
import type { SentStatement, StatementEnd } from '../../observe/observer.ts'
import type { QueryOperation } from '../../observe/operation.ts'
import { Attempts } from '../attempts.ts'
import { originOfValues, type ValueOrigin } from '../containment.ts'
import { made } from '../finding.ts'
import { queryWith } from '../fix.ts'
import { type Pattern, Patterns } from '../patterns.ts'
import { hasList, limitOf, programQuery, type ProgramQuery } from '../program-query.ts'
import type { Repeated } from '../repeats.ts'
import type { Evidence, Rule } from '../rule.ts'

/** What all statements of a pattern have in common. */
type Told = Pick<ProgramQuery, 'target' | 'table'> & { readonly name: QueryOperation['name'] }

/**
 * Finds queries in a loop: of entities, of counts, of your own SQL and of other query builders. They have one text, and
 * other values each time. Batches, pages and what asks again for news are no such pattern.
 */
export class QueryRule implements Rule {
  readonly #evidence: Evidence
  readonly #patterns: Patterns<string, Told>
  readonly #attempts = new Attempts()
  /** Where the values of patterns came from, as long as it was known. */
  #origins: WeakMap<object, ValueOrigin> | undefined

  constructor(evidence: Evidence) {
    this.#evidence = evidence
    this.#patterns = new Patterns(evidence, evidence.settings.thresholds.query)
  }

  get findings(): readonly Finding[] {
    return this.#patterns.all.flatMap((pattern) => this.#findingsOf(pattern))
  }

  /** Whether it has found the pattern of a statement. */
  tells({ facts }: ProgramQuery): boolean {
    const pattern = this.#patterns.get(facts.pattern)
    return pattern !== undefined && this.#findingsOf(pattern).length > 0
  }

  sent(statement: SentStatement, session: object): StatementEnd | undefined {
    this.#attempts.sent(statement, session)
    const query = programQuery(statement)
    if (query === undefined || !isSingle(query)) return undefined
    const { operation, facts, values, target, table } = query
    const told = { target, table, name: operation.name }
    const pattern =
      this.#patterns.get(facts.pattern) ?? this.#patterns.begun(facts.pattern, told, facts.pattern)
    const attempt = this.#attempts.of(session)
    return pattern?.repeats.sent(operation.site, values, limitOf(query), attempt)
  }

  settle(): void {
    void this.findings
  }

  #findingsOf({ told, sql, repeats }: Pattern<Told>): readonly Finding[] {
    return repeats.all.flatMap((repeated) => this.#findingOf(repeated, told, sql) ?? [])
  }

  #findingOf(repeated: Repeated, told: Told, sql: string): Finding | undefined {
    if (repeated.isPolling) return undefined
    const { lists, settings } = this.#evidence
    const origin =
      originOfValues(lists, sql, told.table, repeated) ?? this.#origins?.get(repeated.place)
    if (origin !== undefined) (this.#origins ??= new WeakMap()).set(repeated.place, origin)
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
