import type { Entity } from '../entity/entity.ts'
import { findState } from '../entity/entity-state.ts'
import { type Identity, identityOfKey, keptThere, keyNow, textsOfKey } from '../entity/identity.ts'
import type { Operation, RelationshipOperation } from '../observe/operation.ts'
import type { Primitive, Row } from '../schema/wire-form.ts'
import type { Fetching } from '../sql/fetched.ts'
import type { LoadContext } from './context.ts'
import { stepsBelow } from './give-joined.ts'
import { isJoined, joinTree } from './join-tree.ts'
import { fetchedWith, type JoinedNode } from './joined-entities.ts'
import type { KeyTexts } from './keys.ts'
import { keyPairs } from './lazy.ts'
import { isSameKey, Near } from './near.ts'
import { selectRelatedOfMany } from './related.ts'
import { fillWith, isWhole, type Load, placeBelow, type Step, stepsOf } from './step.ts'

/** The owners that have one key. */
interface Group {
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

const none: readonly Entity[] = []

/** Loads a relation of several entities with one statement. */
export class SelectinLoad implements Load {
  readonly fetching: Fetching<number, RelationshipOperation> | undefined
  readonly #context: LoadContext
  readonly #step: Step
  readonly #parent: Operation | undefined
  readonly #near: Near
  /** The owners that the relation is loaded for: all, unless some have it already. */
  readonly #owners: readonly Entity[]
  readonly #byIdentity = new Map<Identity, Group>()
  readonly #groups: readonly (Group | undefined)[]
  /** Related entities that needed no statement. */
  readonly #held: readonly Entity[]
  #found: readonly Entity[] = none
  #joined: readonly JoinedNode[] = []

  constructor(context: LoadContext, step: Step, parent: Operation | undefined) {
    const { plan, owners, place } = step
    this.#context = context
    this.#step = step
    this.#parent = parent
    this.#near = new Near(plan.relation)
    this.#owners = place === undefined ? owners.filter((owner) => !hasAlready(owner, step)) : owners
    this.#groups = this.#owners.map((owner) => this.#groupOf(owner))
    this.#held = plan.where === undefined ? this.#takeHeld() : none
    this.fetching = this.#fetching()
  }

  /** The group of an owner; undefined if the owner has no key. */
  #groupOf(owner: Entity): Group | undefined {
    const { columns } = this.#near
    const key = keyNow(owner, columns)
    if (key === null || key === undefined) return undefined
    const identity = this.#near.identityOfKey(key)
    const known = this.#byIdentity.get(identity)
    if (known !== undefined) return known
    const texts = textsOfKey(columns, key)
    const group: Group = { key, identity, texts, entities: [], isGiven: false }
    this.#byIdentity.set(identity, group)
    return group
  }

  /** Takes the targets that the session already holds. They need no statement. */
  #takeHeld(): readonly Entity[] {
    const { relation } = this.#step.plan
    const inKey = keyPairs(relation)
    if (inKey === undefined) return none
    const places = inKey.map((pair) => this.#near.pairs.indexOf(pair))
    const taken: Entity[] = []
    for (const group of this.#byIdentity.values()) {
      const key = inKey.map((pair, index) =>
        keptThere(pair, group.key[places[index] as number] as Primitive),
      )
      const identity = identityOfKey(relation.target.primaryKey, key)
      const held = this.#context.held(relation.target, identity)
      if (held === undefined) continue
      group.entities.push(held)
      taken.push(held)
    }
    return taken
  }

  /** Matches owners with rows, not with entities: an entity of the session may have an older key. */
  #fetching(): Fetching<number, RelationshipOperation> | undefined {
    const { plan, place, depth } = this.#step
    const { relation, nested } = plan
    const all = [...this.#byIdentity.values()]
    const missing =
      this.#held.length === 0 ? all : all.filter(({ entities }) => entities.length === 0)
    if (missing.length === 0 || plan.limit === 0) return undefined
    // `load` looks at each entity whether it has the relation already.
    const tree = joinTree(place === undefined ? [] : nested)
    const batched = selectRelatedOfMany(plan, missing, this.#byIdentity, tree)
    const groups: (Group | undefined)[] = []
    const take = (entities: Entity[], nodes: readonly JoinedNode[] = []): number => {
      this.#joined = nodes
      for (let index = 0; index < entities.length; index += 1)
        groups[index]?.entities.push(entities[index] as Entity)
      // The link table may link two rows several times. The list has the row once.
      if (relation.through !== undefined)
        for (const group of missing) group.entities = [...new Set(group.entities)]
      this.#found = batched.mayRepeat ? [...new Set(entities)] : entities
      return entities.length
    }
    const { widths } = batched
    const fetched = fetchedWith(this.#context, relation.target, false, widths, tree, take)
    // Not written where it is assigned, see `Lease`.
    const eachRow = (row: Row, index: number): void => {
      groups[index] = batched.groupOf(row)
    }
    fetched.eachRow = eachRow
    const operation: RelationshipOperation = {
      kind: 'relationship',
      strategy: 'selectinload',
      relation,
      owners: this.#owners,
      cacheHit: false,
      depth,
      parent: this.#parent,
    }
    return { statement: batched.statement, operation, fetched }
  }

  finish(): readonly Step[] {
    const { plan, owners, place, depth } = this.#step
    const { relation, nested } = plan
    this.#owners.forEach((owner, index) => {
      const group = this.#groups[index]
      // The program may have changed the foreign key meanwhile. The new key needs its own load.
      if (relation.holdsKey && !isSameKey(this.#near.identityOf(owner), group?.identity)) return
      fillWith(owner, plan, listOf(group))
    })
    const kept = this.#owners === owners ? none : this.#kept()
    const loaded = [...kept, ...this.#held, ...this.#found]
    const below = placeBelow(place, owners, relation, loaded)
    if (loaded.length === 0 || nested.length === 0) return []
    if (below === undefined) return stepsOf(nested, loaded, below, depth + 1)
    const at = { place: below, depth: depth + 1, parent: this.#parent }
    const steps = stepsBelow(this.#context, nested, loaded, this.#joined, at)
    // What needed no statement has no rows that relations were joined to.
    const joins = nested.filter(isJoined)
    return [...steps, ...stepsOf(joins, this.#held, below, depth + 1)]
  }

  /** The related entities of owners that had the relation already. */
  #kept(): readonly Entity[] {
    const { name } = this.#step.plan.relation
    const loading = new Set(this.#owners)
    const kept = new Set<Entity>()
    for (const owner of this.#step.owners) {
      if (loading.has(owner)) continue
      const value = findState(owner)?.handles?.get(name)?.value
      for (const entity of [value].flat()) if (entity !== null) kept.add(entity as Entity)
    }
    return [...kept]
  }
}

/** Whether the owner already has all that the loader would load, in its order. */
function hasAlready(owner: Entity, { plan }: Step): boolean {
  if (!isWhole(plan) || plan.orders.length > 0) return false
  const handle = findState(owner)?.handles?.get(plan.relation.name)
  return handle?.isLoaded === true && handle.isWhole
}

function listOf(group: Group | undefined): Entity[] {
  if (group === undefined) return []
  if (group.isGiven) return [...group.entities]
  group.isGiven = true
  return group.entities
}
