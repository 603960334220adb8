import { lacks } from '../entity/deferred.ts'
import type { Entity } from '../entity/entity.ts'
import { findState } from '../entity/entity-state.ts'
import type { Operation, RelationshipOperation } from '../observe/operation.ts'
import type { Fetching } from '../sql/fetched.ts'
import type { LoadContext } from './context.ts'
import { stepsBelow } from './give-joined.ts'
import { type Group, Groups, valueOf } from './groups.ts'
import { hiddenError, mayHide } from './hidden.ts'
import { isJoined, joinTree } from './join-tree.ts'
import type { JoinedNode } from './joined-entities.ts'
import { defaultsOf } from './loader.ts'
import {
  askedProvenance,
  fillWith,
  isWhole,
  type Load,
  placeBelow,
  type Step,
  stepsOf,
} from './step.ts'

const none: readonly Entity[] = []

/** Loads a relation of several entities with one statement. */
export class SelectinLoad implements Load {
  readonly fetching: Fetching<number, RelationshipOperation> | undefined
  readonly #context: LoadContext
  readonly #step: Step
  readonly #parent: Operation | undefined
  /** The owners that the relation is loaded for: all, unless some have it already. */
  readonly #owners: readonly Entity[]
  readonly #groups: Groups
  readonly #groupOf: readonly (Group | undefined)[]
  /** Related entities that needed no statement. */
  readonly #held: readonly Entity[]
  #found: readonly Entity[] = none
  #joined: readonly JoinedNode[] = []

  constructor(context: LoadContext, step: Step, parent: Operation | undefined) {
    const { plan, owners, place } = step
    this.#context = context
    this.#step = step
    this.#parent = parent
    this.#groups = new Groups(plan.relation)
    this.#owners = place === undefined ? owners.filter((owner) => !hasAlready(owner, step)) : owners
    this.#groupOf = this.#owners.map((owner) => this.#groups.of(owner))
    this.#held = plan.where === undefined ? this.#groups.takeHeld(context, plan.undeferred) : none
    this.fetching = this.#fetching()
  }

  #fetching(): Fetching<number, RelationshipOperation> | undefined {
    const { plan, place, depth } = this.#step
    const { relation, loaders } = plan
    // `load` looks at each entity whether it has the relation already.
    const tree = joinTree(place === undefined ? [] : loaders)
    const reading = this.#groups.reading(this.#context, plan, tree, (found, joined) => {
      this.#found = found
      this.#joined = joined
    })
    if (reading === undefined) return undefined
    const operation: RelationshipOperation = {
      kind: 'relationship',
      strategy: 'selectinload',
      relation,
      owners: this.#owners,
      provenance: askedProvenance(this.#step, this.#parent),
      cacheHit: false,
      depth,
      parent: this.#parent,
    }
    return { ...reading, operation }
  }

  finish(): readonly Step[] {
    const { plan, owners, place, depth } = this.#step
    const { relation, loaders } = plan
    const isRequired =
      mayHide(defaultsOf(this.#context, plan), relation) && plan.where === undefined
    this.#owners.forEach((owner, index) => {
      const group = this.#groupOf[index]
      // The program may have changed the foreign key meanwhile. The new key needs its own load.
      if (relation.holdsKey && !this.#groups.near.hasKey(owner, group?.identity)) return
      const value = valueOf(relation, group)
      if (isRequired && value === null && group !== undefined) throw hiddenError(relation)
      fillWith(owner, plan, value)
    })
    const kept = this.#owners === owners ? none : this.#kept()
    const loaded = [...kept, ...this.#held, ...this.#found]
    const below = placeBelow(this.#context, place, owners, plan, loaded)
    if (loaded.length === 0 || loaders.length === 0) return []
    if (below === undefined) return stepsOf(loaders, loaded, below, depth + 1)
    const at = { place: below, depth: depth + 1, parent: this.#parent }
    const steps = stepsBelow(this.#context, loaders, loaded, this.#joined, at)
    // What needed no statement has no rows that relations were joined to.
    const joins = loaders.filter(isJoined)
    return [...steps, ...stepsOf(joins, this.#held, below, depth + 1)]
  }

  /** The related entities of owners that had the relation already. */
  #kept(): readonly Entity[] {
    const { name } = this.#step.plan.relation
    const loading = new Set(this.#owners)
    const kept = new Set<Entity>()
    for (const owner of this.#step.owners) {
      if (loading.has(owner)) continue
      for (const entity of findState(owner)?.handles?.get(name)?.loaded ?? none) kept.add(entity)
    }
    return [...kept]
  }
}

/** Whether the owner already has all that the loader would load, in its order. */
function hasAlready(owner: Entity, { plan }: Step): boolean {
  if (!isWhole(plan) || plan.orders.length > 0) return false
  const { relation, undeferred } = plan
  const handle = findState(owner)?.handles?.get(relation.name)
  if (handle?.isLoaded !== true || !handle.isWhole) return false
  return undeferred.length === 0 || !handle.loaded.some((entity) => lacks(entity, undeferred))
}
