import type { Finding } from '../../observe/finding.ts'
import type { SentStatement, StatementEnd } from '../../observe/observer.ts'
import type { Provenance, RelationMetadata } from '../../observe/operation.ts'
import { Calls } from '../calls.ts'
import { made, mostFindings } from '../finding.ts'
import { queryWith } from '../fix.ts'
import { type ListResult, nameOf, rootOf } from '../lists.ts'
import type { ProgramQuery } from '../program-query.ts'
import type { Evidence } from '../rule.ts'

/** The statements that count one relation for entities that came from one list. */
interface Group {
  readonly list: ListResult
  readonly path: Provenance['path']
  readonly relation: RelationMetadata
  /** For whom it was counted. Only those that a cap leaves room for. */
  readonly owners: Set<object>
  /** How many there were. */
  distinct: number
  readonly calls: Calls
  readonly sql: string
}

// A group does not keep more entities alive.
const mostOwners = 10_000

/** Finds relations whose rows are counted, or asked for, one by one for the entities of a list. */
export class CountRule {
  readonly #evidence: Evidence
  readonly #groups = new Map<object, Map<string, Group>>()
  #size = 0

  constructor(evidence: Evidence) {
    this.#evidence = evidence
  }

  get findings(): readonly Finding[] {
    return [...this.#groups.values()]
      .flatMap((groups) => [...groups.values()])
      .filter((group) => this.#isPattern(group))
      .map((group) => this.#findingOf(group))
  }

  /** Whether it has found the pattern of a statement. */
  tells({ operation: { counted } }: ProgramQuery): boolean {
    const list = counted?.provenance?.list
    const groups = list && this.#groups.get(rootOf(list))
    return [...(groups?.values() ?? [])].some(
      (group) => group.relation === counted?.relation && this.#isPattern(group),
    )
  }

  sent({ operation }: ProgramQuery, { text }: SentStatement): StatementEnd | undefined {
    if (operation.counted === undefined) return undefined
    const { provenance, relation, owner } = operation.counted
    if (provenance?.list === undefined) return undefined
    const group = this.#groupOf(provenance.list, provenance.path, relation, text)
    if (group === undefined) return undefined
    if (!group.owners.has(owner)) group.distinct += 1
    if (group.owners.size < mostOwners) group.owners.add(owner)
    return group.calls.add(operation.site)
  }

  release(): void {
    for (const groups of this.#groups.values())
      for (const { owners } of groups.values()) owners.clear()
  }

  /** A loop proves the pattern earlier than the number alone. */
  #isPattern({ calls, distinct }: Group): boolean {
    const { mode, thresholds } = this.#evidence.settings
    const fewest =
      mode === 'count' || calls.haveLoop ? thresholds.relation : thresholds.relation + 1
    return distinct >= fewest
  }

  #findingOf({ list, path, relation, calls, sql }: Group): Finding {
    const steps = [...path, relation]
    return made(calls, {
      kind: 'n1.query',
      target: nameOf(relation),
      confidence: 'certain',
      parent: this.#evidence.lists.parentOf(list),
      sql,
      fix: queryWith(list, steps, 'countload'),
      path: [...list.steps, ...steps].map(nameOf),
    })
  }

  #groupOf(
    list: ListResult,
    path: Provenance['path'],
    relation: RelationMetadata,
    sql: string,
  ): Group | undefined {
    const root = rootOf(list)
    let groups = this.#groups.get(root)
    if (groups === undefined) this.#groups.set(root, (groups = new Map()))
    const key = [...path, relation].map(nameOf).join('/')
    const known = groups.get(key)
    if (known !== undefined || this.#size >= mostFindings) return known
    this.#size += 1
    const group: Group = {
      list,
      path,
      relation,
      owners: new Set(),
      distinct: 0,
      calls: new Calls(),
      sql,
    }
    groups.set(key, group)
    return group
  }
}
