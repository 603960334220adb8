import type { Finding, FindingKind } from '../../observe/finding.ts'
import type { SentStatement, StatementEnd } from '../../observe/observer.ts'
import type { Provenance, RelationMetadata } from '../../observe/operation.ts'
import type { CallSite } from '../../util/call-site.ts'
import { captureSite } from '../capture.ts'
import { made, mostFindings } from '../finding.ts'
import { rootOf } from '../lists.ts'
import type { Evidence, Rule } from '../rule.ts'
import { eagerLoad, pathOf, recursiveQuery, targetOf } from './relation-fix.ts'
import { groupPath, levelOf, type Path, RelationGroup } from './relation-group.ts'
import { isOwnTable, type Loaded, subjectOf, triggerOf } from './trigger.ts'

// Who has just made a few entities may well read their relations.
const fewestCreated = 5

const noPath: Path = []

// The root of those that were read alone.
const alone = {}

/** The group that was asked for last. */
interface Latest {
  readonly provenance: Provenance | undefined
  readonly subject: object
  readonly loader: Loaded['loader']
  readonly group: RelationGroup
}

/**
 * Finds what is loaded one by one for the entities of a list. It counts the owners by the list they came from, not by
 * SQL text. So a finding is certain, and there is none for eager loads, entities that were read alone, hits of the
 * identity map, and null keys. Entities that were read alone are found only where a relation to the own table is
 * followed level by level.
 */
export class RelationRule implements Rule {
  readonly #evidence: Evidence
  readonly #groups = new Map<object, Map<object, RelationGroup[]>>()
  readonly #all: RelationGroup[] = []
  // The entities of a list have one provenance, and a loop reads the same relation of each.
  #latest: Latest | undefined

  constructor(evidence: Evidence) {
    this.#evidence = evidence
  }

  get findings(): readonly Finding[] {
    return this.#all.flatMap((group) => this.#findingOf(group) ?? [])
  }

  sent({ operation, text }: SentStatement): StatementEnd | undefined {
    const trigger = operation && triggerOf(operation)
    if (trigger === undefined) return undefined
    const { owner, provenance, loaded } = trigger
    const level = levelOf(provenance?.path ?? noPath, loaded)
    return this.#groupOf(provenance, loaded)?.add(owner, level, text, operation?.site)
  }

  /** Takes a stack if it will tell something new. */
  touched(relation: RelationMetadata, provenance: Provenance | undefined): CallSite | undefined {
    const loaded: Loaded = { loader: 'selectinload', relation }
    if (this.#evidence.settings.mode !== 'count') {
      const isKnown = this.#known(provenance, loaded)?.isKnown === true
      return isKnown ? undefined : captureSite()
    }
    const group = this.#groupOf(provenance, loaded)
    if (group === undefined) return undefined
    group.touches += 1
    if (group.touches < this.#fewestOf(group) || group.calls.site !== undefined) return undefined
    const site = captureSite()
    if (site !== undefined) group.calls.note(site)
    return site
  }

  /** The program has read a relation whose entity the identity map has. */
  spared(relation: RelationMetadata, provenance: Provenance | undefined): void {
    const group = this.#known(provenance, { loader: 'selectinload', relation })
    if (group !== undefined) group.touches -= 1
  }

  release(): void {
    this.#latest = undefined
    for (const group of this.#all) group.release()
  }

  #findingOf(group: RelationGroup): Finding | undefined {
    const kind = this.#kindOf(group)
    if (kind === undefined) return undefined
    const { list, loaded, calls, sql } = group
    const isDeep = group.depth >= this.#evidence.settings.thresholds.recursive
    const fix =
      isDeep && loaded.loader !== 'undefer' ? recursiveQuery(loaded.relation) : eagerLoad(group)
    return made(calls, {
      kind,
      target: targetOf(loaded),
      confidence: 'certain',
      parent: list && this.#evidence.lists.parentOf(list),
      sql,
      fix,
      path: pathOf(group),
      // A loader needs a statement for each level.
      ...(kind === 'n1.relation' && { avoidableQueries: calls.count - group.depth }),
      ...(kind === 'n1.latent' && { severity: 'info', avoidableQueries: 0 }),
    })
  }

  #kindOf(group: RelationGroup): FindingKind | undefined {
    const { mode, thresholds } = this.#evidence.settings
    const { list, depth } = group
    if (list !== undefined && group.width >= this.#fewestOf(group)) return 'n1.relation'
    if (depth >= thresholds.recursive) return 'n1.recursive'
    if (depth === 0 || mode === 'count' || list === undefined || list.isCreated === true)
      return undefined
    return this.#evidence.lists.sizeOf(list) === 1 ? 'n1.latent' : undefined
  }

  /** A loop proves the pattern earlier than the number alone. */
  #fewestOf({ list, calls }: RelationGroup): number {
    const { mode, thresholds } = this.#evidence.settings
    if (list === undefined) return thresholds.recursive
    if (list.isCreated === true) return Math.max(thresholds.relation, fewestCreated)
    return mode === 'count' || calls.haveLoop ? thresholds.relation : thresholds.relation + 1
  }

  #known(provenance: Provenance | undefined, loaded: Loaded): RelationGroup | undefined {
    const subject = subjectOf(loaded)
    const latest = this.#latest
    if (
      latest?.provenance === provenance &&
      latest?.subject === subject &&
      latest.loader === loaded.loader &&
      loaded.loader !== 'undefer'
    )
      return latest.group
    const { list, path = noPath } = provenance ?? {}
    const groups = this.#groups.get(list === undefined ? alone : rootOf(list))
    const group = groups?.get(subject)?.find((each) => each.has(path, loaded))
    if (group !== undefined) this.#latest = { provenance, subject, loader: loaded.loader, group }
    return group
  }

  #groupOf(provenance: Provenance | undefined, loaded: Loaded): RelationGroup | undefined {
    const { list, path = noPath } = provenance ?? {}
    if (list === undefined && !isOwnTable(loaded)) return undefined
    const known = this.#known(provenance, loaded)
    if (known !== undefined || this.#all.length >= mostFindings) return known
    const group = new RelationGroup(list, groupPath(path, loaded), loaded)
    this.#all.push(group)
    const root = list === undefined ? alone : rootOf(list)
    let groups = this.#groups.get(root)
    if (groups === undefined) this.#groups.set(root, (groups = new Map()))
    const subject = subjectOf(loaded)
    groups.set(subject, [...(groups.get(subject) ?? []), group])
    return group
  }
}
