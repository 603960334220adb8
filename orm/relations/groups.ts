import { lacks } from '../entity/deferred.ts'
import type { Entity } from '../entity/entity.ts'
import type { Identity } from '../entity/identity.ts'
import type { ColumnMetadata, RelationMetadata } from '../schema/metadata.ts'
import type { Row } from '../schema/wire-form.ts'
import type { Fetched } from '../sql/fetched.ts'
import type { Statement } from '../sql/statement.ts'
import type { LoadContext } from './context.ts'
import type { JoinTree } from './join-tree.ts'
import { fetchedWith, type JoinedNode } from './joined-entities.ts'
import type { KeyTexts } from './keys.ts'
import type { LoadPlan } from './loader.ts'
import { type Near, nearOf } from './near.ts'
import { selectRelatedOfMany } from './related.ts'

/** The owners that have one key. */
export interface Group {
  /** What the owners keep of it. */
  readonly key: Row
  /** The same as the far side keeps it, as one value. */
  readonly identity: Identity
  readonly texts: KeyTexts
  /** The related entities. */
  entities: Entity[]
  /** Whether an owner already has this list. Every other owner gets a copy. */
  isGiven: boolean
}

/** A statement, and what takes its rows. */
interface Reading {
  readonly statement: Statement
  readonly fetched: Fetched<number>
}

type Take = (found: readonly Entity[], joined: readonly JoinedNode[]) => void

const none: readonly Entity[] = []

/** The owners of a relation by their keys, and what they lead to. */
export class Groups {
  readonly near: Near
  readonly #relation: RelationMetadata
  readonly #byIdentity = new Map<Identity, Group>()

  constructor(relation: RelationMetadata) {
    this.near = nearOf(relation)
    this.#relation = relation
  }

  get all(): Iterable<Group> {
    return this.#byIdentity.values()
  }

  /** The groups that have no entities, so that something has to be read. */
  get missing(): readonly Group[] {
    return [...this.#byIdentity.values()].filter(({ entities }) => entities.length === 0)
  }

  /** The group of an owner; undefined if the owner has no key. */
  of(owner: object): Group | undefined {
    const key = this.near.keyOf(owner)
    if (key === undefined) return undefined
    const identity = this.near.identityOfKey(key)
    const known = this.#byIdentity.get(identity)
    if (known !== undefined) return known
    const group: Group = {
      key,
      identity,
      texts: this.near.textsOf(key),
      entities: [],
      isGiven: false,
    }
    this.#byIdentity.set(identity, group)
    return group
  }

  /**
   * Takes the targets that the session already holds. They need no statement.
   *
   * @param undeferred the deferred columns that they have to have
   */
  takeHeld(context: LoadContext, undeferred: readonly ColumnMetadata[]): readonly Entity[] {
    const taken: Entity[] = []
    for (const group of this.#byIdentity.values()) {
      const key = this.near.targetOfKey(group.key)
      if (key === undefined) return none
      const held = context.held(this.#relation.target, key)
      if (held === undefined || lacks(held, undeferred)) continue
      group.entities.push(held)
      taken.push(held)
    }
    return taken
  }

  /**
   * What reads the entities of the groups that have none. Undefined if there is nothing to read. It matches owners with
   * rows, not with entities: an entity of the session may have an older key.
   */
  reading(context: LoadContext, plan: LoadPlan, tree: JoinTree, take: Take): Reading | undefined {
    const { target, through, cardinality, holdsKey } = this.#relation
    const { missing } = this
    if (missing.length === 0 || plan.limit === 0) return undefined
    const { statement, widths, mayRepeat, groupOf } = selectRelatedOfMany(
      plan,
      missing,
      this.#byIdentity,
      tree,
      context.defaults,
    )
    const groups: (Group | undefined)[] = []
    const isHasOne = cardinality === 'one' && !holdsKey
    const took = (entities: Entity[], nodes: readonly JoinedNode[] = []): number => {
      const given = isHasOne ? firstOfEach(entities, groups) : entities
      for (let index = 0; index < entities.length; index += 1)
        groups[index]?.entities.push(entities[index] as Entity)
      // The link table may link two rows several times. The list has the row once.
      if (through !== undefined)
        for (const group of missing) group.entities = [...new Set(group.entities)]
      take(mayRepeat ? [...new Set(given)] : given, nodes)
      return entities.length
    }
    const fetched = fetchedWith(context, target, false, widths, tree, took)
    // Not written where it is assigned, see `Lease`.
    const eachRow = (row: Row, index: number): void => {
      groups[index] = groupOf(row)
    }
    fetched.eachRow = eachRow
    return { statement, fetched }
  }
}

/** The entities that a `hasOne` gives: where several rows refer to one owner, the first one counts, as in a join. */
function firstOfEach(
  entities: readonly Entity[],
  groups: readonly (Group | undefined)[],
): readonly Entity[] {
  const seen = new Set<Group | undefined>()
  return entities.filter((_entity, index) => {
    const isFirst = !seen.has(groups[index])
    seen.add(groups[index])
    return isFirst
  })
}

/** The list of an owner whose group was read. */
function listOf(group: Group | undefined): Entity[] {
  if (group === undefined) return []
  if (group.isGiven) return [...group.entities]
  group.isGiven = true
  return group.entities
}

/** What a relation of an owner leads to. */
export function valueOf({ cardinality }: RelationMetadata, group: Group | undefined): unknown {
  return cardinality === 'many' ? listOf(group) : (group?.entities[0] ?? null)
}
