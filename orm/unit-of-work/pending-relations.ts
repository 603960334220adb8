import type { Entity } from '../entity/entity.ts'
import { type EntityOwner, stateOf } from '../entity/entity-state.ts'
import { changeLink, type Link } from '../entity/links.ts'
import { setValue, valueOf } from '../entity/property.ts'
import { relationHandle } from '../entity/relation-handle.ts'
import { isDeclared } from '../schema/inverse.ts'
import type { RelationMetadata } from '../schema/metadata.ts'

/** A link that a flush writes: an inserted or a deleted row of a link table. */
export interface LinkChange extends Link {
  readonly isThere: boolean
}

const noEntities: readonly Entity[] = []
const noLinks: readonly LinkChange[] = []

/** The entities of a session whose relations wait for a flush: they refer to new entities, or have changed links. */
export class PendingRelations {
  readonly #session: EntityOwner
  // Made by the first entity: most sessions have none.
  #entities: Set<Entity> | undefined

  constructor(session: EntityOwner) {
    this.#session = session
  }

  add(entity: Entity): void {
    this.#entities ??= new Set()
    this.#entities.add(entity)
  }

  get isEmpty(): boolean {
    return (this.#entities?.size ?? 0) === 0
  }

  /** The stored entities that get foreign keys when new ones are stored. */
  awaiting(): readonly Entity[] {
    if (this.#entities === undefined) return noEntities
    return [...this.#entities].filter((entity) => {
      const { lifecycle, references } = stateOf(entity)
      return lifecycle === 'stored' && references !== undefined
    })
  }

  /** The changed links, without those of entities that left the session or are deleted. */
  links(): readonly LinkChange[] {
    if (this.#entities === undefined) return noLinks
    const changes: LinkChange[] = []
    for (const owner of this.#entities) {
      stateOf(owner).links?.forEach((targets, relation) =>
        targets.forEach((isThere, target) => {
          if (!isThere || (this.#has(owner) && this.#has(target)))
            changes.push({ relation, owner, target, isThere })
        }),
      )
    }
    return changes
  }

  /** A row was written with its references. Those that were set meanwhile wait for the next flush. */
  wrote(entity: Entity): void {
    const state = stateOf(entity)
    state.references?.forEach((target, relation) => {
      // A part of the row that frees a unique value may be written before the key of the target is known.
      const isWritten = stateOf(target).snapshot !== undefined && hasKey(entity, relation)
      if (isWritten) state.references?.delete(relation)
      else reopen(entity, relation, target)
    })
    if (state.references?.size === 0) state.references = undefined
    else this.add(entity)
  }

  /** The links were written. What the program has changed meanwhile stays. */
  written(changes: readonly LinkChange[]): void {
    for (const { isThere, ...link } of changes) {
      const targets = stateOf(link.owner).links?.get(link.relation)
      const wanted = targets?.get(link.target)
      if (wanted === isThere) targets?.delete(link.target)
      // The program took back a link of a row that was not stored yet: there was nothing to remember.
      else if (isThere && wanted === undefined && this.#has(link.owner) && this.#has(link.target))
        this.add(changeLink(link, false))
    }
    this.prune()
  }

  /** Forgets the entities that wait for nothing any more. */
  prune(): void {
    this.#entities?.forEach((entity) => {
      const { references, links } = stateOf(entity)
      links?.forEach((targets, relation) => {
        targets.forEach((isThere, target) => {
          if (isThere && !this.#has(target)) targets.delete(target)
        })
        if (targets.size === 0) links.delete(relation)
      })
      const isWaiting = references !== undefined || (links !== undefined && links.size > 0)
      if (!isWaiting || !this.#has(entity)) this.#forget(entity)
    })
  }

  clear(): void {
    this.#entities?.forEach((entity) => this.#forget(entity))
  }

  #has(entity: Entity): boolean {
    const { session, lifecycle } = stateOf(entity)
    return session === this.#session && lifecycle !== 'deleted'
  }

  #forget(entity: Entity): void {
    stateOf(entity).links = undefined
    this.#entities?.delete(entity)
  }
}

/** The flush has filled in the key of another target. */
function reopen(entity: Entity, relation: RelationMetadata, target: object): void {
  for (const [local, remote] of relation.pairs) setValue(entity, local, valueOf(target, remote))
  if (isDeclared(relation)) relationHandle(entity, relation.name).fill(target)
}

/** Whether relations of an entity wait for a flush. A new row gets its foreign keys with its INSERT. */
export function isWaiting(entity: Entity): boolean {
  const { links, references, snapshot } = stateOf(entity)
  return links !== undefined || (references !== undefined && snapshot !== undefined)
}

/** Whether the foreign key of a relation has its value. */
export function hasKey(entity: Entity, { foreignKey }: RelationMetadata): boolean {
  return foreignKey.every((column) => valueOf(entity, column) !== undefined)
}
