import type { Finding } from '../observe/finding.ts'
import type { Observer, SentStatement, StatementEnd } from '../observe/observer.ts'
import type { Operation, RelationMetadata, RelationshipOperation } from '../observe/operation.ts'
import { type Origin, relationFinding } from './relation-finding.ts'
import { RepeatedQueries } from './repeated-queries.ts'

/** The lazy loads of one relation for entities that came from one list. */
interface Group extends Origin {
  readonly relation: RelationMetadata
  readonly owners: Set<object>
  sql: string
}

// More findings of one request would not help.
const mostGroups = 256

const none: readonly Finding[] = Object.freeze([])

/**
 * Finds relations that are loaded one by one for the entities of a list. It counts the owners by the
 * list they came from, not by SQL text. So a finding is certain, and there is none for eager loads, entities
 * that were read alone, hits of the identity map, and null keys.
 */
export class NPlusOneDetector implements Observer {
  readonly #threshold: number
  // Made by the first lazy load: most sessions have none.
  #groups: Map<Origin['list'], Map<string, Group>> | undefined
  #size = 0
  readonly #queryThreshold: number
  // Made by the first statement of your own SQL.
  #queries: RepeatedQueries | undefined

  /**
   * @param threshold the number of owners from which on there is a finding
   * @param queryThreshold the same for statements of one text
   */
  constructor(threshold: number, queryThreshold: number) {
    this.#threshold = threshold
    this.#queryThreshold = queryThreshold
  }

  /** The findings so far: of relations, then of your own SQL, in the order in which they began. */
  get findings(): readonly Finding[] {
    const relations = this.#ofRelations
    return this.#queries === undefined ? relations : [...relations, ...this.#queries.findings]
  }

  get #ofRelations(): readonly Finding[] {
    if (this.#groups === undefined) return none
    return [...this.#groups.values()]
      .flatMap((groups) => [...groups.values()])
      .filter(({ owners }) => owners.size >= this.#threshold)
      .map((group) => relationFinding(group, group.relation, group.owners.size, group.sql))
  }

  statementSent(statement: SentStatement): StatementEnd | undefined {
    const { operation, text, kind } = statement
    if (operation === undefined || kind === 'control') return
    if (operation.kind === 'query' && operation.name === 'execute')
      return (this.#queries ??= new RepeatedQueries(this.#queryThreshold)).statementSent(statement)
    if (!isLazyLoad(operation)) return
    const { provenance, relation } = operation
    if (provenance?.list === undefined) return
    const group = this.#groupOf(provenance.list, provenance.path, relation, text)
    for (const owner of operation.owners) group?.owners.add(owner)
  }

  #groupOf(
    list: Origin['list'],
    path: Origin['path'],
    relation: RelationMetadata,
    sql: string,
  ): Group | undefined {
    this.#groups ??= new Map()
    let groups = this.#groups.get(list)
    if (groups === undefined) this.#groups.set(list, (groups = new Map()))
    const key = [...path, relation].map(({ owner, name }) => `${owner.name}.${name}`).join('/')
    const known = groups.get(key)
    if (known !== undefined || this.#size >= mostGroups) return known
    this.#size += 1
    const group = { list, path, relation, owners: new Set<object>(), sql }
    groups.set(key, group)
    return group
  }
}

function isLazyLoad(operation: Operation): operation is RelationshipOperation {
  return operation.kind === 'relationship' && operation.strategy === 'select'
}
