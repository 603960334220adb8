import type { Entity } from '../entity/entity.ts'
import { type EntityState, stateOf } from '../entity/entity-state.ts'
import type { Identity } from '../entity/identity.ts'
import { mark, provenanceOf, relatedProvenance } from '../entity/provenance.ts'
import { relationHandle } from '../entity/relation-handle.ts'
import type { RelationshipOperation } from '../observe/operation.ts'
import type { RelationMetadata } from '../schema/metadata.ts'
import type { Defaults } from '../sql/defaults.ts'
import type { CallSite } from '../util/call-site.ts'
import { followed } from '../util/refusals.ts'
import { fetchObserved, type LoadContext } from './context.ts'
import { heldTarget, loadLazily } from './lazy.ts'
import { lazyModeOf } from './lazy-mode.ts'
import { wholePlan } from './loader.ts'
import { type Group, Groups, valueOf } from './groups.ts'
import { mayHide } from './hidden.ts'
import { joinTree } from './join-tree.ts'

type Values = ReadonlyMap<object, unknown>

/** The entities for which one relation is loaded, and what they lead to. */
class PeerLoad {
  readonly relation: RelationMetadata
  readonly groups: Groups
  readonly #groupOf = new Map<Entity, Group>()
  // Made when it is first asked for.
  #targets: Map<Identity | undefined, Group> | undefined
  /** Set when the statement is sent. */
  values: Promise<Values> | undefined

  constructor(relation: RelationMetadata) {
    this.relation = relation
    this.groups = new Groups(relation)
  }

  /** Takes an entity, if it has a key. */
  add(owner: Entity): void {
    const group = this.groups.of(owner)
    if (group !== undefined) this.#groupOf.set(owner, group)
  }

  get size(): number {
    return this.#groupOf.size
  }

  get owners(): readonly Entity[] {
    return [...this.#groupOf.keys()]
  }

  /** Whether it loads the relation of an entity, for the key that the entity has now. */
  covers(owner: object): boolean {
    const group = this.#groupOf.get(owner as Entity)
    return group !== undefined && this.groups.near.hasKey(owner, group.identity)
  }

  /** The group that leads to the row with this primary key; undefined if none does. */
  groupTo(table: object, key: Identity): Group | undefined {
    const { target, holdsKey, withDefaults } = this.relation
    if (table !== target || !holdsKey || !withDefaults) return undefined
    this.#targets ??= new Map(
      Array.from(this.groups.all, (group) => [this.groups.near.targetOfKey(group.key), group]),
    )
    return this.#targets.get(key)
  }

  /** Gives all entities what they lead to. */
  fill(defaults: Defaults): Values {
    const { relation } = this
    const isRequired = mayHide(defaults, relation)
    const values = new Map<object, unknown>()
    this.#groupOf.forEach((group, owner) => {
      const value = valueOf(relation, group)
      values.set(owner, value)
      // Whoever awaits it gets an error.
      if (isRequired && value === null) return
      // The program may have changed the foreign key meanwhile. The new key needs its own load.
      if (relation.holdsKey && !this.groups.near.hasKey(owner, group.identity)) return
      relationHandle(owner, relation.name).fillForPeer(value)
    })
    return values
  }
}

/** The loads of a session that load a relation of an entity for its peers too. */
export class PeerLoads {
  readonly #context: LoadContext
  readonly #underWay = new Set<PeerLoad>()

  constructor(context: LoadContext) {
    this.#context = context
  }

  /**
   * Loads a relation of an entity and of its peers with one statement.
   *
   * @param site where the program has read it
   * @param ended called when there is nothing to wait for any more, either way
   */
  load(
    owner: Entity,
    relation: RelationMetadata,
    site: CallSite | undefined,
    ended?: () => void,
  ): Promise<unknown> {
    const context = this.#context
    const isHeld = heldTarget(context, owner, relation) !== undefined
    const load = isHeld ? undefined : this.#loadOf(owner, relation)
    if (load === undefined) return loadLazily(context, owner, relation, site, ended)
    this.#underWay.add(load)
    const values = this.#run(load, owner, site, ended)
    load.values = values
    return followed(values, (all) => all.get(owner), undefined)
  }

  /** What a load that is under way will give for a relation of an entity; undefined if there is none. */
  joined(owner: object, relation: RelationMetadata): Promise<unknown> | undefined {
    const load = this.#loadFor(owner, relation)
    return load?.values && followed(load.values, (all) => all.get(owner), undefined)
  }

  /** The entity with this primary key, if a load that is under way reads it. */
  reading(table: object, key: Identity): Promise<Entity | null> | undefined {
    for (const load of this.#underWay) {
      const group = load.groupTo(table, key)
      if (group === undefined || load.values === undefined) continue
      return followed(load.values, () => group.entities[0] ?? null, undefined)
    }
    return undefined
  }

  async #run(
    load: PeerLoad,
    owner: Entity,
    site: CallSite | undefined,
    ended: (() => void) | undefined,
  ): Promise<Values> {
    const { relation, groups } = load
    const provenance = provenanceOf(owner)
    // They need no statement.
    const held = groups.takeHeld(this.#context, [])
    const batch: RelationshipOperation = {
      kind: 'relationship',
      strategy: 'peers',
      relation,
      owners: load.owners,
      provenance,
      saved: groups.missing.length - 1,
      site,
      cacheHit: false,
      depth: 0,
    }
    try {
      const loaded = [...held, ...(await this.#read(groups, batch))]
      const related = relatedProvenance(provenance, relation, loaded, undefined, { site })
      mark(loaded, related)
      if (related?.members !== undefined) this.#context.observer.listRead?.(related)
      return load.fill(this.#context.defaults)
    } finally {
      this.#underWay.delete(load)
      ended?.()
    }
  }

  async #read(groups: Groups, batch: RelationshipOperation): Promise<readonly Entity[]> {
    const context = this.#context
    let found: readonly Entity[] = []
    const take = (entities: readonly Entity[]): void => {
      found = entities
    }
    const reading = groups.reading(
      context,
      wholePlan(batch.relation, 'selectinload'),
      joinTree([]),
      take,
    )
    if (reading === undefined) return found
    await fetchObserved(context, { ...reading, operation: batch })
    return found
  }

  /** The entity and its peers whose relation has to be loaded; undefined if there are no such peers. */
  #loadOf(owner: Entity, relation: RelationMetadata): PeerLoad | undefined {
    const { provenance, session } = stateOf(owner)
    const members = provenance?.members
    if (members === undefined || session === undefined) return undefined
    const load = new PeerLoad(relation)
    // A key that the program has set may be refused by PostgreSQL, and the load with it.
    if (!load.groups.near.hasStoredKey(owner)) return undefined
    load.add(owner)
    if (load.size === 0) return undefined
    for (const member of members) {
      const state = stateOf(member)
      if (state.session === session && this.#isWaiting(load, member, state)) load.add(member)
    }
    return load.size > 1 ? load : undefined
  }

  /** Whether a relation of a peer can be loaded, and is neither loaded nor under way. */
  #isWaiting(
    { relation, groups: { near } }: PeerLoad,
    member: Entity,
    state: EntityState,
  ): boolean {
    if (state.lifecycle !== 'stored' || state.handles?.get(relation.name)?.isLoaded === true)
      return false
    const context = this.#context
    if (lazyModeOf(context.lazy, member, relation) !== 'peers') return false
    if (!near.hasStoredKey(member)) return false
    if (this.#underWay.size > 0 && this.#loadFor(member, relation) !== undefined) return false
    const key = near.targetOf(member)
    return key === undefined || !context.isUnderWay(relation.target, key)
  }

  #loadFor(owner: object, relation: RelationMetadata): PeerLoad | undefined {
    for (const load of this.#underWay)
      if (load.relation === relation && load.covers(owner)) return load
    return undefined
  }
}
