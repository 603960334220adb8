import { DataBridgeError } from '../errors.ts'
import type { Entity } from '../entity/entity.ts'
import { identityOf, storedIdentity } from '../entity/identity.ts'
import { constructed } from '../entity/shadowing.ts'
import { type EntityOwner, stateOf } from '../entity/entity-state.ts'
import type { ReadTables } from '../sql/text-sink.ts'
import type { RelationMetadata, TableMetadata } from '../schema/metadata.ts'
import type { Row } from '../schema/wire-form.ts'
import { type Change, changeOf, type ChangeSet, hasChanged, isDirty } from './change-set.ts'
import { IdentityMap } from './identity-map.ts'

/** The changes that a rollback of a transaction or a savepoint undoes. */
class Undo {
  /** The flushed entities, with their rows before the flush; undefined for new rows. */
  written: Map<Entity, Row | undefined> | undefined
  /** The entities that were read after your own SQL, which may have written their rows. */
  read: Set<Entity> | undefined
  hasExecuted = false

  remember(entity: Entity, before: Row | undefined): void {
    this.written ??= new Map()
    if (!this.written.has(entity)) this.written.set(entity, before)
  }

  remembersRead(entity: Entity): void {
    this.read ??= new Set()
    this.read.add(entity)
  }
}

const none: ReadonlySet<Entity> = new Set()

/** The entities of a session, and their changes. */
export class UnitOfWork {
  readonly identity: IdentityMap = new IdentityMap()
  readonly #owner: EntityOwner
  // Made by the first entity: most sessions only read.
  #added: Set<Entity> | undefined
  #deleted: Set<Entity> | undefined
  /** One for the transaction, and one for each savepoint in it. Empty until the transaction has written. */
  #undo: Undo[] = []
  #writeCount = 0

  constructor(owner: EntityOwner) {
    this.#owner = owner
  }

  add(entity: Entity): void {
    const state = stateOf(entity)
    this.#refuseForeign(entity, 'added')
    if (state.lifecycle === 'added' || state.lifecycle === 'stored') return
    if (state.lifecycle === 'deleted') {
      this.#deleted?.delete(entity)
      state.lifecycle = 'stored'
      return
    }
    if (state.snapshot === undefined) {
      constructed(state.table.entity)
      requireWritable(entity)
      state.session = this.#owner
      state.lifecycle = 'added'
      this.#added ??= new Set()
      this.#added.add(entity)
      state.references?.forEach((referenced) => this.add(referenced as Entity))
      return
    }
    const key = storedIdentity(entity)
    if (this.identity.get(state.table, key) !== undefined) throw secondError(state.table)
    state.session = this.#owner
    state.lifecycle = 'stored'
    this.identity.set(state.table, key, entity)
  }

  delete(entity: Entity): void {
    const state = stateOf(entity)
    this.#refuseForeign(entity, 'deleted')
    if (state.lifecycle === 'deleted') return
    if (state.lifecycle === 'added') {
      this.#added?.delete(entity)
      this.#letGo(entity, 'new')
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
    return { added: [...(this.#added ?? none)], changed, deleted: [...(this.#deleted ?? none)] }
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

  /** Whether the program gave an entity to another owner, while the database still has the old owner. */
  hasMoved({ target, through, foreignKey }: RelationMetadata): boolean {
    const columns =
      through === undefined ? foreignKey : [...foreignKey, ...through.to.map(([column]) => column)]
    for (const entity of this.identity.of(through?.table ?? target).values())
      if (columns.some((column) => isDirty(entity, column))) return true
    return false
  }

  /** Whether entities were added or deleted since the last flush. Checks no entity. */
  get hasPending(): boolean {
    return (this.#added?.size ?? 0) > 0 || (this.#deleted?.size ?? 0) > 0
  }

  /** Whether there are flushed or executed changes that are not committed. */
  get hasWritten(): boolean {
    return this.#undo.some(({ written, hasExecuted }) => hasExecuted || written !== undefined)
  }

  /** How many rows the session has written so far. */
  get writeCount(): number {
    return this.#writeCount
  }

  /** Your own SQL was executed, and may have written. */
  executed(): void {
    this.#innermost.hasExecuted = true
  }

  /** Whether a rollback to a savepoint may undo what is read now. A rollback of the transaction forgets all entities anyway. */
  get isInDoubt(): boolean {
    for (let depth = 1; depth < this.#undo.length; depth += 1)
      if (this.#undo[depth]?.hasExecuted === true) return true
    return false
  }

  /** The row of an entity was read while the session {@link isInDoubt}, for the first time or again. */
  read(entity: Entity): void {
    this.#innermost.remembersRead(entity)
  }

  /**
   * New entities have got their rows.
   *
   * @param isCommitted whether the transaction has ended already, so that nothing can undo it
   */
  inserted(entities: readonly Entity[], isCommitted: boolean): void {
    const added = this.#added
    let unwanted: Entity[] | undefined
    for (let index = 0; index < entities.length; index += 1) {
      const entity = entities[index] as Entity
      const state = stateOf(entity)
      this.#remember(entity, undefined, isCommitted)
      state.references = undefined
      this.identity.set(state.table, storedIdentity(entity), entity)
      if (state.lifecycle !== 'added' || state.session !== this.#owner) {
        unwanted ??= []
        unwanted.push(entity)
      }
      state.session = this.#owner
      state.lifecycle = 'stored'
    }
    // All at once where nothing else waits: a Set that loses its members one by one is copied many times.
    if (unwanted === undefined && added?.size === entities.length) this.#added = undefined
    else for (const entity of entities) added?.delete(entity)
    // The program deleted them during the INSERT.
    for (const entity of unwanted ?? []) this.delete(entity)
  }

  updated(entity: Entity, before: Row, isCommitted: boolean = false): void {
    this.#remember(entity, before, isCommitted)
    // A trigger may have given the row another key.
    const { table } = stateOf(entity)
    const key = storedIdentity(entity)
    const former = identityOf(table, before)
    if (key === former) return
    this.identity.delete(table, former)
    this.identity.set(table, key, entity)
  }

  removed(entity: Entity): void {
    const state = stateOf(entity)
    this.#remember(entity, state.snapshot)
    this.identity.delete(state.table, storedIdentity(entity))
    state.snapshot = undefined
    const isUnwanted = this.#deleted?.delete(entity) === true
    this.#letGo(entity, 'detached')
    // The program added it again during the DELETE.
    if (!isUnwanted) this.add(entity)
  }

  committed(): void {
    this.#undo = []
  }

  /** Forgets everything: the identity map is empty, and all entities are detached. */
  rolledBack(): void {
    for (const undo of this.#undo.toReversed()) restore(undo)
    this.#undo = []
    const letGo = (entity: Entity): void => this.#letGo(entity, 'detached')
    this.identity.forEach(letGo)
    this.#added?.forEach(letGo)
    this.#deleted?.forEach(letGo)
    this.identity.clear()
    this.#added = undefined
    this.#deleted = undefined
  }

  savepoint(): void {
    if (this.#undo.length === 0) this.#undo.push(new Undo())
    this.#undo.push(new Undo())
  }

  releasedSavepoint(): void {
    const inner = this.#undo.pop() as Undo
    const outer = this.#innermost
    inner.written?.forEach((before, entity) => outer.remember(entity, before))
    inner.read?.forEach((entity) => outer.remembersRead(entity))
    outer.hasExecuted ||= inner.hasExecuted
  }

  /**
   * Detaches the entities that were added, changed or deleted since a savepoint, flushed or not, and those
   * that were read after your own SQL in it.
   *
   * @param savepoints how many savepoints are undone, including inner ones
   */
  rolledBackToSavepoint(savepoints: number): void {
    for (let nested = 1; nested < savepoints; nested += 1) this.releasedSavepoint()
    const undo = this.#undo.pop() as Undo
    // Without your own SQL in the savepoint, its reads stay valid.
    if (!undo.hasExecuted) undo.read?.forEach((entity) => this.#innermost.remembersRead(entity))
    const changed: Entity[] = []
    this.identity.forEach((entity) => {
      if (hasChanged(entity)) changed.push(entity)
    })
    for (const entity of new Set([
      ...(undo.written?.keys() ?? []),
      ...((undo.hasExecuted ? undo.read : undefined) ?? none),
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
    restore(undo)
  }

  #remember(entity: Entity, before: Row | undefined, isCommitted: boolean = false): void {
    this.#writeCount += 1
    if (!isCommitted) this.#innermost.remember(entity, before)
  }

  get #innermost(): Undo {
    if (this.#undo.length === 0) this.#undo.push(new Undo())
    return this.#undo.at(-1) as Undo
  }

  #letGo(entity: Entity, lifecycle: 'new' | 'detached'): void {
    const state = stateOf(entity)
    state.lifecycle = lifecycle
    state.session = undefined
    // It must not keep the other entities of its list alive.
    state.provenance = undefined
  }

  #refuseForeign(entity: Entity, verb: string): void {
    const { session, table } = stateOf(entity)
    if (session === undefined || session === this.#owner) return
    throw new DataBridgeError(
      'DATA_BRIDGE_ERR_DETACHED',
      `the ${table.entityName} belongs to another session and cannot be ${verb} here`,
    )
  }
}

// A flush puts what the database gives into the entity.
function requireWritable(entity: Entity): void {
  if (!Object.isFrozen(entity)) return
  throw new DataBridgeError(
    'DATA_BRIDGE_ERR_ENTITY',
    `add() expected an entity that can be changed, got a frozen ${stateOf(entity).table.entityName}`,
  )
}

function secondError(table: TableMetadata): DataBridgeError {
  return new DataBridgeError(
    'DATA_BRIDGE_ERR_ENTITY',
    `the ${table.entityName} cannot be added: the session holds another entity of the same row; change that one`,
  )
}

function restore({ written }: Undo): void {
  written?.forEach((before, entity) => {
    stateOf(entity).snapshot = before
  })
}
