import { inversesOf, twinsOf } from '../schema/inverse.ts'
import type { RelationMetadata } from '../schema/metadata.ts'
import type { Entity } from './entity.ts'
import { stateOf } from './entity-state.ts'

/** A row of a link table, seen from one of its sides. */
export interface Link {
  readonly relation: RelationMetadata
  readonly owner: Entity
  readonly target: Entity
}

/** The links that the program has added or removed since the last flush: whether each is there, by its target. */
export type Links = Map<RelationMetadata, Map<Entity, boolean>>

/** Remembers that a link was added or removed. The last word counts. */
export function changeLink(link: Link, isThere: boolean): Entity {
  const { relation, owner, target } = fromItsSide(link)
  const state = stateOf(owner)
  const links: Links = (state.links ??= new Map())
  let targets = links.get(relation)
  if (targets === undefined) links.set(relation, (targets = new Map()))
  // A row that is not stored has no links that could be removed.
  const isStored = state.snapshot !== undefined && stateOf(target).snapshot !== undefined
  if (isThere || isStored) targets.set(target, isThere)
  else targets.delete(target)
  return owner
}

/**
 * A link and its reverse are one row: `post.tags.add(tag)` and `tag.posts.remove(post)` are about the same. So are
 * relations of one side with the same columns.
 */
function fromItsSide({ relation, owner, target }: Link): Link {
  const [first = relation] = twinsOf(relation)
  const [inverse] = inversesOf(relation)
  return inverse === undefined || isFirst(first, inverse)
    ? { relation: first, owner, target }
    : { relation: inverse, owner: target, target: owner }
}

function isFirst(one: RelationMetadata, other: RelationMetadata): boolean {
  return one.owner === other.owner ? one.position <= other.position : one.owner.id < other.owner.id
}
