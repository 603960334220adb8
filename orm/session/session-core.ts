import type { Pool } from '../driver/pool.ts'
import type { Entity } from '../entity/entity.ts'
import type { EntityOwner } from '../entity/entity-state.ts'
import type { JsonBudget } from '../entity/json-budget.ts'
import type { RelationHandle } from '../entity/relation-handle.ts'
import type { RelationMetadata } from '../schema/metadata.ts'
import { attempt } from '../util/attempt.ts'
import type { CallSite } from '../util/call-site.ts'
import { EntitySource } from './entity-source.ts'
import { Flusher } from './flusher.ts'
import { SessionEnd } from './session-end.ts'
import { SessionLife } from './session-life.ts'
import type { LiveSession, SessionParts } from './session-parts.ts'
import { sharedConnection } from './shared-connection.ts'
import { UnitOfWork } from '../unit-of-work/unit-of-work.ts'

/** The rooms of a session, and what its entities ask of it. */
export class SessionCore implements EntityOwner {
  readonly work: UnitOfWork = new UnitOfWork(this)
  readonly life: SessionLife
  readonly flusher: Flusher
  readonly source: EntitySource
  readonly end: SessionEnd
  jsonBudget: JsonBudget | undefined = undefined
  readonly relationTouched: EntityOwner['relationTouched']
  readonly #parts: SessionParts
  #connection: Pool | undefined

  constructor(session: LiveSession, parts: SessionParts) {
    this.#parts = parts
    const { observer } = parts
    this.relationTouched = observer.relationTouched?.bind(observer)
    this.life = new SessionLife(session, parts)
    this.flusher = new Flusher(this.life, parts, this.work)
    this.source = new EntitySource(this, parts, this.work, this.flusher)
    this.end = new SessionEnd(parts, this.life, this.work, this.flusher)
  }

  give<T>(work: () => Promise<T> | T): Promise<T> {
    return this.end.give(work)
  }

  /** The session as a pool of `pg`. Made when it is first asked for: most sessions have none. */
  get connection(): Pool {
    const { connection, isReadOnly } = this.#parts
    return (this.#connection ??= sharedConnection({
      connection,
      isReadOnly,
      flusher: this.flusher,
      used: (work) =>
        this.give(() => {
          this.life.use()
          return work()
        }),
      transaction: (fn, mode) =>
        this.end.openTransactions().run(fn, undefined, mode, this.life.isManaged),
    }))
  }

  /** Loads a relation that the program awaits. */
  loadRelation(
    owner: object,
    relation: RelationMetadata,
    site: CallSite | undefined,
  ): Promise<unknown> {
    return attempt(() => {
      this.life.use()
      return this.source.loadRelation(owner, relation, site)
    })
  }

  /** The entity that a foreign key refers to now, if the session holds it. */
  heldTarget(owner: object, relation: RelationMetadata): Entity | undefined {
    return this.source.heldTarget(owner, relation)
  }

  /** Tracks an entity that was related to one of the session. */
  adopt(entity: Entity): void {
    this.life.use()
    this.work.add(entity)
  }

  /** An entity refers to a new one, or has links to flush. */
  related(entity: Entity): void {
    this.life.use()
    this.work.related(entity)
  }

  /** The program has changed a loaded relation. */
  changedRelation(handle: RelationHandle): void {
    this.work.undo.changedRelation(handle)
  }

  loadedRelation(handle: RelationHandle): void {
    this.work.undo.loadedRelation(handle)
  }

  countRelation(
    owner: object,
    relation: RelationMetadata,
    site: CallSite | undefined,
  ): Promise<number> {
    return this.give(() => {
      this.life.use()
      return this.source.countRelation(owner, relation, site)
    })
  }

  hasRelated(
    owner: object,
    relation: RelationMetadata,
    site: CallSite | undefined,
  ): Promise<boolean> {
    return this.give(() => {
      this.life.use()
      return this.source.hasRelated(owner, relation, site)
    })
  }
}
