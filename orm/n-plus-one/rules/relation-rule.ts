import type { Finding } from '../../observe/finding.ts'
import type { SentStatement, StatementEnd } from '../../observe/observer.ts'
import type {
  Operation,
  Provenance,
  RelationMetadata,
  RelationshipOperation,
} from '../../observe/operation.ts'
import { Calls } from '../calls.ts'
import { made } from '../finding.ts'
import { type ListResult, nameOf, rootOf } from '../lists.ts'
import type { Evidence, Rule } from '../rule.ts'

/** The lazy loads of one relation for entities that came from one list. */
interface Group {
  readonly list: ListResult
  readonly path: Provenance['path']
  readonly relation: RelationMetadata
  /** For whom it was loaded. Only those that a cap leaves room for. */
  readonly owners: Set<object>
  readonly calls: Calls
  readonly sql: string
}

// More findings of one request would not help.
const mostGroups = 256

// A group does not keep more entities alive.
const mostOwners = 10_000

/**
 * Finds relations that are loaded one by one for the entities of a list. It counts the owners by the list they came
 * from, not by SQL text. So a finding is certain, and there is none for eager loads, entities that were read alone, hits
 * of the identity map, and null keys.
 */
export class RelationRule implements Rule {
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

  sent({ operation, text }: SentStatement): StatementEnd | undefined {
    if (operation === undefined || !isLazyLoad(operation)) return undefined
    const { provenance, relation, owners, site } = operation
    if (provenance?.list === undefined) return undefined
    const group = this.#groupOf(provenance.list, provenance.path, relation, text)
    const [owner] = owners
    if (group === undefined || owner === undefined || group.owners.has(owner)) return undefined
    if (group.owners.size < mostOwners) group.owners.add(owner)
    return group.calls.add(site)
  }

  /** A loop proves the pattern earlier than the number alone. */
  #isPattern({ calls }: Group): boolean {
    const { mode, thresholds } = this.#evidence.settings
    const fewest =
      mode === 'count' || calls.haveLoop ? thresholds.relation : thresholds.relation + 1
    return calls.count >= fewest
  }

  #findingOf({ list, path, relation, calls, sql }: Group): Finding {
    const steps = [...list.steps, ...path, relation]
    return made(calls, {
      kind: 'n1.relation',
      target: nameOf(relation),
      confidence: 'certain',
      parent: this.#evidence.lists.parentOf(list),
      sql,
      fix: `find(${list.root.entityName}).options(${loaders(steps)})`,
      path: steps.map(nameOf),
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
    if (known !== undefined || this.#size >= mostGroups) return known
    this.#size += 1
    const group = { list, path, relation, owners: new Set<object>(), calls: new Calls(), sql }
    groups.set(key, group)
    return group
  }
}

function isLazyLoad(operation: Operation): operation is RelationshipOperation {
  return operation.kind === 'relationship' && operation.strategy === 'select'
}

/** `selectinload(Post.comments).options(selectinload(Comment.author))` */
function loaders(path: readonly RelationMetadata[]): string {
  return path.reduceRight((nested, relation) => {
    const loader = `selectinload(${nameOf(relation)})`
    return nested === '' ? loader : `${loader}.options(${nested})`
  }, '')
}
