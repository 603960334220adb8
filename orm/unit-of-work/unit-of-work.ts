import { DataBridgeError } from '../errors.ts'
import { fillDeferred } from '../entity/deferred.ts'
import type { Entity } from '../entity/entity.ts'
import { identityOf, storedIdentity } from '../entity/identity.ts'
import { Creations } from '../entity/provenance.ts'
import { includeGiven, newlyRelated } from '../entity/relation-writes.ts'
import { renew } from '../entity/renew.ts'
import { constructed } from '../entity/shadowing.ts'
import { type EntityOwner, stateOf } from '../entity/entity-state.ts'
import type { ReadTables } from '../sql/text-sink.ts'
import type { Row } from '../schema/wire-form.ts'
import { type Change, changeOf, type ChangeSet, hasChanged } from './change-set.ts'
import { IdentityMap } from './identity-map.ts'
import { keepKey } from './kept-keys.ts'
import { isWaiting, type LinkChange, PendingRelations } from './pending-relations.ts'
import { refuseForeign, requireWritable, secondError } from './trackable.ts'
import { UndoLog } from './undo.ts'
import { forgetDetached, isDetached, leaveRelations } from './held-relations.ts'

const none: ReadonlySet<Entity> = new Set()

let epochs = 0

/** The entities of a session, and their changes. */
export class UnitOfWork {
  readonly identity: IdentityMap = new IdentityMap()
  readonly undo: UndoLog = new UndoLog()
  readonly #owner: EntityOwner
  readonly #related: PendingRelations
  #creations: Creations | undefined
  // Made by the first entity: most sessions only read.
  #added: Set<Entity> | undefined
  #deleted: Set<Entity> | undefined
  /** Entities that a stream has read and nothing else has given: the session lets go of them. */
  passing: Set<Entity> | undefined
  #writeCount = 0
  #epoch = 0

  constructor(owner: EntityOwner) {
    this.#owner = owner
    this.#related = new PendingRelations(owner)
  }

  /** Tracks an entity, and the new ones that its relations lead to. */
  add(entity: Entity): void {
    const isBack = isDetached(entity)
    if (this.#track(entity)) this.#addRelated(entity)
    if (isBack) forgetDetached([entity])
  }

  /** The same for several, which are inserted in this order. */
  addAll(entities: readonly Entity[]): void {
    const back = entities.filter(isDetached)
    const added = entities.filter((entity) => this.#track(entity))
    for (const entity of added) this.#addRelated(entity)
    forgetDetached(back)
  }

  /** @returns whether it was not tracked before */
  #track(entity: Entity): boolean {
    const state = stateOf(entity)
    refuseForeign(this.#owner, entity, 'added')
    if (state.lifecycle === 'added' || state.lifecycle === 'stored') return false
    if (state.lifecycle === 'deleted') {
      this.#deleted?.delete(entity)
      state.lifecycle = 'stored'
      return false
    }
    if (state.snapshot === undefined) {
      constructed(state.table.entity)
      requireWritable(entity)
      state.session = this.#owner
      state.lifecycle = 'added'
      this.#added ??= new Set()
      this.#added.add(entity)
      return true
    }
    const key = storedIdentity(entity)
    if (this.identity.get(state.table, key) !== undefined) throw secondError(state.table)
    state.session = this.#owner
    state.lifecycle = 'stored'
    this.identity.set(state.table, key, entity)
    return true
  }

  delete(entity: Entity): void {
    const state = stateOf(entity)
    refuseForeign(this.#owner, entity, 'deleted')
    if (state.lifecycle === 'deleted') return
    if (state.lifecycle === 'added') {
      this.#added?.delete(entity)
      this.#letGo(entity, 'new')
      leaveRelations(this.identity, [entity], this.#added)
      return
    }
    if (state.lifecycle !== 'stored') {
      throw new DataBridgeError(
        'DATA_BRIDGE_ERR_DETACHED',
        `the ${state.table.entityName} cannot be deleted: it is ${state.lifecycle === 'new' ? 'not stored' : 'detached from its session'}`,
      )
    }
    state.lifecycle = 'deleted'
    this.#deleted ??= new Set()
    this.#deleted.add(entity)
  }

  /** The changes for a flush. Checks every entity of the session. */
  changes(): ChangeSet {
    const changed: Change[] = []
    this.identity.forEach((entity) => {
      const change = changeOf(entity, this.identity, changed.at(-1))
      if (change !== undefined) changed.push(change)
    })
    const awaiting = this.#related.awaiting()
    const isAwaiting = new Set(awaiting)
    return {
      added: [...(this.#added ?? none)],
      changed:
        awaiting.length === 0 ? changed : changed.filter(({ entity }) => !isAwaiting.has(entity)),
      deleted: [...(this.#deleted ?? none)],
      awaiting,
      links: this.#related.links(),
    }
  }

  /** How many entities wait for a flush. */
  counts(): { readonly pending: number; readonly dirty: number; readonly deleted: number } {
    let dirty = 0
    this.identity.forEach((entity) => {
      if (hasChanged(entity)) dirty += 1
    })
    return { pending: this.#added?.size ?? 0, dirty, deleted: this.#deleted?.size ?? 0 }
  }

  /** Whether a query of these tables could miss changes that are not flushed. */
  concerns(reads: ReadTables): boolean {
    if (this.hasPending) return true
    if (reads === 'any') return this.identity.some(hasChanged)
    for (const table of reads)
      for (const entity of this.identity.of(table).values()) if (hasChanged(entity)) return true
    return false
  }

  /** Whether entities were added or deleted since the last flush. Checks no entity. */
  get hasPending(): boolean {
    return (this.#added?.size ?? 0) > 0 || (this.#deleted?.size ?? 0) > 0 || !this.#related.isEmpty
  }

  /** How many rows the session has written so far. */
  get writeCount(): number {
    return this.#writeCount
  }

  /** Another number after each write and each rollback, and in each session: what was counted before may be wrong. */
  get epoch(): number {
    if (this.#epoch === 0) this.#epoch = epochs += 1
    return this.#epoch
  }

  /** What was counted before counts no more. */
  forgetCounts(): void {
    this.#epoch = 0
  }

  /** Your own SQL was executed, or a write by a query, and may have written rows that the session does not know. */
  executed(): void {
    this.#epoch = 0
    this.undo.wroteUnseen()
  }

  /** Gives an entity the deferred columns of a row that it does not have yet. */
  fillDeferred(entity: Entity, row: Row): void {
    const filled = fillDeferred(entity, row)
    if (filled !== undefined) this.undo.filled(entity, filled)
  }

  /**
   * New entities have got their rows.
   *
   * @param isCommitted whether the transaction has ended already, so that nothing can undo it
   */
  inserted(entities: readonly Entity[], isCommitted: boolean): void {
    const added = this.#added
    const creations = (this.#creations ??= new Creations())
    let unwanted: Entity[] | undefined
    for (let index = 0; index < entities.length; index += 1) {
      const entity = entities[index] as Entity
      const state = stateOf(entity)
      this.#remember(entity, undefined, isCommitted)
      if (state.references !== undefined) this.#related.wrote(entity)
      this.identity.set(state.table, storedIdentity(entity), entity)
      if (state.lifecycle !== 'added' || state.session !== this.#owner) {
        unwanted ??= []
        unwanted.push(entity)
      }
      state.session = this.#owner
      state.lifecycle = 'stored'
      creations.mark(entity)
    }
    // All at once where nothing else waits: a Set that loses its members one by one is copied many times.
    if (unwanted === undefined && added?.size === entities.length) this.#added = undefined
    else for (const entity of entities) added?.delete(entity)
    // The program deleted them during the INSERT.
    for (const entity of unwanted ?? []) this.delete(entity)
    this.#related.prune()
  }

  updated(entity: Entity, before: Row, isCommitted: boolean = false): void {
    this.#remember(entity, before, isCommitted)
    const state = stateOf(entity)
    if (state.references !== undefined) this.#related.wrote(entity)
    // A trigger may have given the row another key.
    const { table } = state
    const key = storedIdentity(entity)
    const former = identityOf(table, before)
    if (key === former) return
    this.identity.delete(table, former)
    this.identity.set(table, key, entity)
  }

  /** A write by a query has changed the row of an entity. Values that the program has changed meanwhile stay. */
  renewed(entity: Entity, row: Row): void {
    // It takes no value, and would write its old ones back.
    if (Object.isFrozen(entity)) return this.vanished(entity)
    const state = stateOf(entity)
    const before = state.snapshot ?? row
    renew(entity, row)
    this.#remember(entity, before)
    this.undo.renewed(entity, before, state.snapshot ?? row)
  }

  /**
   * The row of an entity was written, which is no change of the entity.
   *
   * @param before the row before; undefined for a new one
   */
  wroteBeside(entity: Entity, before: Row | undefined): void {
    this.#remember(entity, before)
    if (before === undefined) (this.#creations ??= new Creations()).mark(entity)
  }

  removed(entity: Entity): void {
    const state = stateOf(entity)
    this.#remember(entity, state.snapshot)
    this.identity.delete(state.table, storedIdentity(entity))
    state.snapshot = undefined
    keepKey(entity)
    const isUnwanted = this.#deleted?.delete(entity) === true
    this.#letGo(entity, 'detached')
    this.#related.prune()
    // The program added it again during the DELETE.
    if (!isUnwanted) this.add(entity)
  }

  /** An entity of the session refers to a new one, or has links to flush. */
  related(entity: Entity): void {
    this.#related.add(entity)
  }

  wroteLinks(links: readonly LinkChange[], isCommitted: boolean): void {
    this.#related.written(links)
    this.#writeCount += links.length
    if (links.length > 0) this.#epoch = 0
    if (!isCommitted) this.undo.wroteLinks()
  }

  /**
   * Lets go of the entities that have passed by, except those that have changes or that something else has given
   * meanwhile. While changes wait for a flush, all stay: new entities may refer to them.
   *
   * @returns those that have to stay for now
   */
  passed(entities: Iterable<Entity>): readonly Entity[] {
    const passing = [...entities].filter((entity) => this.passing?.has(entity) === true)
    if (this.hasPending) return passing
    return passing.filter((entity) => {
      if (hasChanged(entity)) return true
      this.passing?.delete(entity)
      const { table, session } = stateOf(entity)
      if (session !== this.#owner) return false
      this.identity.delete(table, storedIdentity(entity))
      this.#letGo(entity, 'detached')
      return false
    })
  }

  /** The database has deleted the row with another one. Unsaved changes of the entity are lost with it. */
  vanished(entity: Entity): void {
    const state = stateOf(entity)
    this.#remember(entity, state.snapshot)
    this.identity.delete(state.table, storedIdentity(entity))
    this.#deleted?.delete(entity)
    state.snapshot = undefined
    keepKey(entity)
    this.#letGo(entity, 'detached')
    this.#related.prune()
  }

  /** Stored entities have got the foreign keys that they waited for. */
  completed(entities: readonly Entity[]): void {
    for (const entity of entities) stateOf(entity).references = undefined
    this.#related.prune()
  }

  /** Forgets everything: the identity map is empty, and all entities are detached. */
  rolledBack(): void {
    this.#epoch = 0
    this.undo.undone()
    const letGo = (entity: Entity): void => this.#letGo(entity, 'detached')
    this.identity.forEach(letGo)
    this.#added?.forEach(letGo)
    this.#deleted?.forEach(letGo)
    this.#related.clear()
    this.identity.clear()
    this.#added = undefined
    this.#deleted = undefined
  }

  /**
   * Detaches the entities that were added, changed or deleted since a savepoint, flushed or not, and those that were
   * read while it may have written rows that the session does not know.
   *
   * @param savepoints how many savepoints are undone, including inner ones
   */
  rolledBackToSavepoint(savepoints: number): void {
    this.#epoch = 0
    for (let nested = 1; nested < savepoints; nested += 1) this.undo.releasedSavepoint()
    const changed: Entity[] = []
    this.identity.forEach((entity) => {
      if (hasChanged(entity)) changed.push(entity)
    })
    this.undo.undoneToSavepoint((undone) => {
      for (const entity of new Set([
        ...undone,
        ...changed,
        ...(this.#added ?? none),
        ...(this.#deleted ?? none),
      ])) {
        const { table, snapshot } = stateOf(entity)
        if (snapshot !== undefined) this.identity.delete(table, storedIdentity(entity))
        this.#added?.delete(entity)
        this.#deleted?.delete(entity)
        this.#letGo(entity, 'detached')
      }
    })
    this.#related.clear()
    forgetDetached(this.identity)
  }

  /** Not by recursion: a chain of entities may be longer than the stack. */
  #addRelated(entity: Entity): void {
    const { references, handles } = stateOf(entity)
    if (references === undefined && handles === undefined) return
    const added = [entity]
    for (const next of added) {
      includeGiven(next)
      if (isWaiting(next)) this.related(next)
      for (const other of newlyRelated(next)) if (this.#track(other)) added.push(other)
    }
  }

  #remember(entity: Entity, before: Row | undefined, isCommitted: boolean = false): void {
    this.#writeCount += 1
    this.#epoch = 0
    if (!isCommitted) this.undo.wrote(entity, before)
  }

  #letGo(entity: Entity, lifecycle: 'new' | 'detached'): void {
    const state = stateOf(entity)
    state.lifecycle = lifecycle
    state.session = undefined
    // It must not keep the other entities of its list alive.
    state.provenance = undefined
  }
}
