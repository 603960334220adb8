import { hasDeferred } from '../entity/deferred.ts'
import type { Entity } from '../entity/entity.ts'
import { type EntityOwner, stateOf } from '../entity/entity-state.ts'
import { type Hydrator, hydratorOf } from '../entity/hydrate.ts'
import { renew } from '../entity/renew.ts'
import { type Identity, identityOf } from '../entity/identity.ts'
import type { EntityCollector } from '../relations/context.ts'
import type { TableMetadata } from '../schema/metadata.ts'
import type { Row } from '../schema/wire-form.ts'
import type { UnitOfWork } from '../unit-of-work/unit-of-work.ts'

const none: readonly (readonly [Entity, Row])[] = []

/**
 * Makes entities of rows while they arrive. New ones reach the identity map only when the statement has
 * succeeded, so that nothing finds the entities of a failed one.
 */
export class Collector implements EntityCollector {
  readonly #table: TableMetadata
  readonly #work: UnitOfWork
  readonly #owner: EntityOwner
  readonly #hydrator: Hydrator
  readonly #entities: Entity[] = []
  readonly #locked: Row[] | undefined
  /** The rows with deferred columns of entities that the session holds: they may not have these yet. */
  #fills: [Entity, Row][] | undefined
  #held: ReadonlyMap<Identity, Entity> | undefined
  #made: Map<Identity, Entity> | undefined

  /** @param isLocked whether the rows are newer than those of entities that the session holds */
  constructor(
    table: TableMetadata,
    work: UnitOfWork,
    owner: EntityOwner,
    isLocked: boolean = false,
  ) {
    this.#locked = isLocked ? [] : undefined
    this.#table = table
    this.#work = work
    this.#owner = owner
    this.#hydrator = hydratorOf(table)
  }

  row(row: Row): void {
    this.#locked?.push(row)
    const key = identityOf(this.#table, row)
    // Not before the first row: a rollback that was sent before the statement may have forgotten them all.
    this.#held ??= this.#work.identity.of(this.#table)
    const known = this.#held.get(key) ?? this.#made?.get(key)
    if (known !== undefined) {
      this.#work.passing?.delete(known)
      this.#entities.push(known)
      if (hasDeferred(this.#table, row)) (this.#fills ??= []).push([known, row])
      return
    }
    const entity = this.#hydrator.make(row, this.#owner)
    this.#made ??= new Map()
    this.#made.set(key, entity)
    this.#entities.push(entity)
  }

  get fresh(): Iterable<Entity> {
    return this.#made?.values() ?? []
  }

  entities(): Entity[] {
    const entities = this.#keep()
    for (const [entity, row] of this.#fills ?? none) this.#work.fillDeferred(entity, row)
    const locked = this.#locked
    if (locked === undefined) return entities
    entities.forEach((entity, index) => {
      renew(entity, locked[index] as Row)
      this.#work.undo.read(entity)
    })
    return entities
  }

  #keep(): Entity[] {
    const made = this.#made
    if (made === undefined) return this.#entities
    const replaced = this.#heldMeanwhile(made)
    this.#work.identity.take(this.#table, made)
    if (this.#work.undo.isInDoubt) made.forEach((entity) => this.#work.undo.read(entity))
    return replaced === undefined
      ? this.#entities
      : this.#entities.map((entity) => replaced.get(entity) ?? entity)
  }

  /** The entities that the session got for the same rows while these arrived. The first stays. */
  #heldMeanwhile(made: Map<Identity, Entity>): ReadonlyMap<Entity, Entity> | undefined {
    const held = this.#work.identity.of(this.#table)
    if (held.size === 0) return undefined
    let replaced: Map<Entity, Entity> | undefined
    made.forEach((entity, key) => {
      const first = held.get(key)
      if (first === undefined) return
      replaced ??= new Map()
      replaced.set(entity, first)
      made.delete(key)
      const { snapshot } = stateOf(entity)
      if (snapshot !== undefined && hasDeferred(this.#table, snapshot))
        (this.#fills ??= []).push([first, snapshot])
    })
    this.#fills = this.#fills?.map(([entity, row]) => [replaced?.get(entity) ?? entity, row])
    return replaced
  }
}
