import type { Finding } from '../../observe/finding.ts'
import type { SentStatement, StatementEnd } from '../../observe/observer.ts'
import type { TableMetadata } from '../../observe/operation.ts'
import { Attempts } from '../attempts.ts'
import { originOfKeys, type ValueOrigin } from '../containment.ts'
import { made } from '../finding.ts'
import { queryWith } from '../fix.ts'
import { type Pattern, Patterns } from '../patterns.ts'
import { type ProgramQuery, readingOf } from '../program-query.ts'
import type { Repeated } from '../repeats.ts'
import type { Evidence, Rule } from '../rule.ts'

/**
 * Finds `get()` in a loop. What the identity map has sends no statement, so it does not count. If the keys are those that
 * the entities of a list refer to, the finding is certain.
 */
export class GetRule implements Rule {
  readonly #evidence: Evidence
  readonly #patterns: Patterns<TableMetadata, TableMetadata>
  readonly #attempts = new Attempts()
  /** Where the keys of patterns came from, as long as it was known. */
  #origins: WeakMap<object, ValueOrigin> | undefined

  constructor(evidence: Evidence) {
    this.#evidence = evidence
    this.#patterns = new Patterns(evidence, evidence.settings.thresholds.get)
  }

  get findings(): readonly Finding[] {
    return this.#patterns.all.flatMap((pattern) => this.#findingsOf(pattern))
  }

  /** Whether it has found the pattern of a statement. */
  tells({ operation: { name, table } }: ProgramQuery): boolean {
    const pattern = name === 'get' && table !== undefined ? this.#patterns.get(table) : undefined
    return pattern !== undefined && this.#findingsOf(pattern).length > 0
  }

  sent(statement: SentStatement, session: object): StatementEnd | undefined {
    this.#attempts.sent(statement, session)
    const operation = readingOf(statement.operation)
    if (operation?.name !== 'get' || operation.table === undefined) return undefined
    if (statement.kind === 'control') return undefined
    const { table, site } = operation
    const { parameters, text } = statement
    const pattern = this.#patterns.get(table) ?? this.#patterns.begun(table, table, text)
    return pattern?.repeats.sent(site, parameters, undefined, this.#attempts.of(session))
  }

  settle(): void {
    void this.findings
  }

  #findingsOf({ told: table, sql, repeats }: Pattern<TableMetadata>): readonly Finding[] {
    return repeats.all.flatMap((repeated) => this.#findingOf(repeated, table, sql) ?? [])
  }

  #findingOf(repeated: Repeated, table: TableMetadata, sql: string): Finding | undefined {
    if (repeated.isPolling) return undefined
    const { lists, settings } = this.#evidence
    const origin = originOfKeys(lists, table, repeated) ?? this.#origins?.get(repeated.place)
    if (origin !== undefined) (this.#origins ??= new WeakMap()).set(repeated.place, origin)
    // Where the program calls is not known in the mode `count`.
    const least = settings.thresholds.get * (settings.mode === 'count' ? 1 : 2)
    if (origin === undefined && !repeated.isLoop && repeated.distinct < least) return undefined
    const { list, path, relation } = origin ?? {}
    return made(repeated, {
      kind: 'n1.get',
      target: table.entityName,
      confidence: origin !== undefined ? 'certain' : repeated.isLoop ? 'likely' : 'possible',
      ...(list !== undefined && { parent: lists.parentOf(list) }),
      sql,
      fix:
        list === undefined || relation === undefined
          ? `session.getMany(${table.entityName}, ids)`
          : queryWith(list, [...(path ?? []), relation]),
    })
  }
}
