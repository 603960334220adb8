import { withLoaded } from '../entity/deferred.ts'
import type { Entity } from '../entity/entity.ts'
import { stateOf } from '../entity/entity-state.ts'
import type { RelationHandle } from '../entity/relation-handle.ts'
import { takeBack } from '../entity/renew.ts'
import { undoVersion } from '../entity/version.ts'
import type { Row } from '../schema/wire-form.ts'
import { keepKey } from './kept-keys.ts'

const none: ReadonlySet<Entity> = new Set()

/** An entity that got a newer row from a write by a query. */
interface Renewal {
  readonly entity: Entity
  readonly before: Row
  readonly after: Row
}

/** The changes that a rollback of a transaction or a savepoint undoes. */
class Undo {
  /** The flushed entities, with their rows before the flush; undefined for new rows. */
  written: Map<Entity, Row | undefined> | undefined
  /** What writes by queries have put into entities, in their order. */
  renewals: Renewal[] | undefined
  /** The entities that were read while rows may have been written that the session does not know. */
  read: Set<Entity> | undefined
  /** The loaded relations that the program has changed, and those that were loaded after writes. */
  relations: Set<RelationHandle> | undefined
  /** Whether rows may have been written that the session does not know. */
  hasUnseen = false

  get hasWritten(): boolean {
    return this.written !== undefined || this.hasUnseen
  }

  remember(entity: Entity, before: Row | undefined): void {
    this.written ??= new Map()
    if (!this.written.has(entity)) this.written.set(entity, before)
  }

  remembersRelation(handle: RelationHandle): void {
    this.relations ??= new Set()
    this.relations.add(handle)
  }

  remembersRead(entity: Entity): void {
    this.read ??= new Set()
    this.read.add(entity)
  }

  /** Gives entities the rows that they had before. */
  restore(): void {
    this.renewals
      ?.toReversed()
      .forEach(({ entity, before, after }) => takeBack(entity, before, after))
    this.written?.forEach((before, entity) => {
      const state = stateOf(entity)
      state.snapshot = before
      if (before === undefined) keepKey(entity)
      undoVersion(entity, state)
    })
  }
}

/** What rollbacks undo. */
export class UndoLog {
  /** One for the transaction, and one for each savepoint in it. Empty until the transaction has written. */
  #levels: Undo[] = []

  get #innermost(): Undo {
    if (this.#levels.length === 0) this.#levels.push(new Undo())
    return this.#levels.at(-1) as Undo
  }

  /** Whether a rollback would undo written rows. */
  get hasWritten(): boolean {
    return this.#levels.some((undo) => undo.hasWritten)
  }

  /** Whether a rollback to a savepoint may undo what is read now. A rollback of the transaction forgets all entities anyway. */
  get isInDoubt(): boolean {
    for (let depth = 1; depth < this.#levels.length; depth += 1)
      if (this.#levels[depth]?.hasUnseen === true) return true
    return false
  }

  /** The row of an entity was written. @param before what it was before; undefined for a new row */
  wrote(entity: Entity, before: Row | undefined): void {
    this.#innermost.remember(entity, before)
  }

  /** A write by a query has put its row into an entity. */
  renewed(entity: Entity, before: Row, after: Row): void {
    this.#innermost.renewals ??= []
    this.#innermost.renewals.push({ entity, before, after })
  }

  /** Links were written, which are no entities. */
  wroteLinks(): void {
    this.#innermost.written ??= new Map()
  }

  /** Rows may have been written that the session does not know: by your own SQL, a trigger, or for a deleted row. */
  wroteUnseen(): void {
    this.#innermost.hasUnseen = true
  }

  /** The row of an entity was read, for the first time or again. */
  read(entity: Entity): void {
    if (this.isInDoubt) this.#innermost.remembersRead(entity)
  }

  /** An entity got deferred columns. What was read is no change: an undo must not make it one. */
  filled(entity: Entity, columns: Row): void {
    const { table } = stateOf(entity)
    for (const { written } of this.#levels) {
      const before = written?.get(entity)
      if (before !== undefined) written?.set(entity, withLoaded(table, before, columns))
    }
    this.read(entity)
  }

  /** The program has changed a loaded relation. */
  changedRelation(handle: RelationHandle): void {
    if (this.#levels.length > 1) this.#innermost.remembersRelation(handle)
  }

  /** A relation was loaded, perhaps with what savepoints have written. */
  loadedRelation(handle: RelationHandle): void {
    if (this.#levels.length < 2) return
    const isWritten = (undo: Undo, index: number): boolean => index > 0 && undo.hasWritten
    this.#levels.findLast(isWritten)?.remembersRelation(handle)
  }

  savepoint(): void {
    if (this.#levels.length === 0) this.#levels.push(new Undo())
    this.#levels.push(new Undo())
  }

  releasedSavepoint(): void {
    const inner = this.#levels.pop() as Undo
    const outer = this.#innermost
    inner.written?.forEach((before, entity) => outer.remember(entity, before))
    if (inner.renewals !== undefined)
      outer.renewals = [...(outer.renewals ?? []), ...inner.renewals]
    inner.read?.forEach((entity) => outer.remembersRead(entity))
    inner.relations?.forEach((handle) => outer.remembersRelation(handle))
    outer.hasUnseen ||= inner.hasUnseen
  }

  /**
   * A savepoint is rolled back: gives the entities their rows, and forgets the relations.
   *
   * @param letGo what happens to the entities that it undoes, before they get their rows
   */
  undoneToSavepoint(letGo: (entities: Iterable<Entity>) => void): void {
    const undo = this.#levels.pop() as Undo
    // Without writes that the session does not know, its reads stay valid.
    if (!undo.hasUnseen) undo.read?.forEach((entity) => this.#innermost.remembersRead(entity))
    letGo([...(undo.written?.keys() ?? none), ...((undo.hasUnseen && undo.read) || none)])
    undo.restore()
    undo.relations?.forEach((handle) => handle.forget())
  }

  /** The transaction is rolled back: gives all entities their rows. */
  undone(): void {
    for (const undo of this.#levels.toReversed()) undo.restore()
    this.#levels = []
  }

  committed(): void {
    this.#levels = []
  }
}
