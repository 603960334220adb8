import type { Entity } from '../entity/entity.ts'
import { stateOf } from '../entity/entity-state.ts'
import type { RelationHandle } from '../entity/relation-handle.ts'
import { undoVersion } from '../entity/version.ts'
import type { Row } from '../schema/wire-form.ts'
import { keepKey } from './kept-keys.ts'

/** The changes that a rollback of a transaction or a savepoint undoes. */
export class Undo {
  /** The flushed entities, with their rows before the flush; undefined for new rows. */
  written: Map<Entity, Row | undefined> | undefined
  /** The entities that were read after your own SQL, which may have written their rows. */
  read: Set<Entity> | undefined
  /** The loaded relations that the program has changed, and those that were loaded after writes. */
  relations: Set<RelationHandle> | undefined
  hasExecuted = false

  get hasWritten(): boolean {
    return this.written !== undefined || this.hasExecuted
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
}

/** Gives entities the rows that they had before. */
export function restore({ written }: Undo): void {
  written?.forEach((before, entity) => {
    const state = stateOf(entity)
    state.snapshot = before
    if (before === undefined) keepKey(entity)
    undoVersion(entity, state)
  })
}
