import type { Finding } from '../../observe/finding.ts'
import type { SentStatement, StatementEnd } from '../../observe/observer.ts'
import type { TableMetadata } from '../../observe/operation.ts'
import { originOfKeys } from '../containment.ts'
import { made } from '../finding.ts'
import { queryWith } from '../fix.ts'
import { Origins } from '../origins.ts'
import { type Pattern, Patterns } from '../patterns.ts'
import type { ProgramQuery } from '../program-query.ts'
import type { Repeated } from '../repeats.ts'
import type { Evidence } from '../rule.ts'

/**
 * Finds `get()` in a loop. What the identity map has sends no statement, so it does not count. If the keys are those that
 * the entities of a list refer to, the finding is certain.
 */
export class GetRule {
  readonly #evidence: Evidence
  readonly #patterns: Patterns<TableMetadata, TableMetadata>
  readonly #origins = new Origins()

  constructor(evidence: Evidence) {
    this.#evidence = evidence
    this.#patterns = new Patterns(evidence, evidence.settings.thresholds.get)
  }

  get findings(): readonly Finding[] {
    return this.#patterns.found(this.#find)
  }

  /** Whether it has found the pattern of a statement. */
  tells({ operation: { name, table } }: ProgramQuery): boolean {
    return name === 'get' && table !== undefined && this.#patterns.tells(table, this.#find)
  }

  sent(
    { operation: { name, table, site } }: ProgramQuery,
    { parameters, text }: SentStatement,
    attempt: number,
  ): StatementEnd | undefined {
    if (name !== 'get' || table === undefined) return undefined
    const repeats = this.#patterns.of(table, text, () => table)
    return repeats?.sent(site, parameters, undefined, attempt)
  }

  /** Remembers where keys came from. */
  settle(): void {
    void this.findings
  }

  readonly #find = (
    repeated: Repeated,
    { told: table, sql }: Pattern<TableMetadata>,
  ): Finding | undefined => {
    if (repeated.isPolling) return undefined
    const { lists, settings } = this.#evidence
    const origin = this.#origins.of(repeated, originOfKeys(lists, table, repeated))
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
