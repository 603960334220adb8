import type { Entity } from '../entity/entity.ts'
import type { Identity } from '../entity/identity.ts'
import { mark, provenanceOf, relatedProvenance } from '../entity/provenance.ts'
import { observed } from '../observe/observer.ts'
import type { Outcome, RelationshipOperation } from '../observe/operation.ts'
import type { RelationMetadata } from '../schema/metadata.ts'
import type { CallSite } from '../util/call-site.ts'
import { FetchedEntities, type LoadContext } from './context.ts'
import { selectRelated } from './related.ts'
import { nearOf } from './near.ts'

/**
 * Loads the relation of one entity when the program awaits it: from the identity map, or with one statement.
 *
 * @param site where the program has read it
 * @param ended called when there is nothing to wait for any more, either way
 */
export function loadLazily(
  context: LoadContext,
  owner: object,
  relation: RelationMetadata,
  site: CallSite | undefined,
  ended?: () => void,
): Promise<unknown> {
  const held = heldTarget(context, owner, relation)
  const operation = operationOf(owner, relation, held !== undefined, site)
  const load = (): Promise<unknown> => {
    if (held === undefined) return fetch(context, operation, owner, ended)
    ended?.()
    markHeld(operation, held)
    return Promise.resolve(held)
  }
  return observed(context.observer, operation, load, countOf)
}

function countOf(value: unknown): Outcome {
  return { rows: Array.isArray(value) ? value.length : value === null ? 0 : 1 }
}

/** The entity that a to-one relation leads to, if the session holds it already. */
export function heldTarget(
  context: LoadContext,
  owner: object,
  relation: RelationMetadata,
): Entity | undefined {
  const identity = nearOf(relation).targetOf(owner)
  return identity === undefined ? undefined : context.held(relation.target, identity)
}

/** Lazy loads with one place and key lead to one target. */
export interface Flight {
  readonly place: object
  readonly key: Identity
}

/** Which loads a lazy load shares its statement with; undefined if no other owner can lead to the same. */
export function flightOf(owner: object, relation: RelationMetadata): Flight | undefined {
  if (!relation.holdsKey) return undefined
  const near = nearOf(relation)
  // Without the default filter, it may give another row than `get()`.
  const identity = relation.withDefaults ? near.targetOf(owner) : undefined
  if (identity !== undefined) return { place: relation.target, key: identity }
  const key = near.identityOf(owner)
  return key === undefined ? undefined : { place: relation, key }
}

// The entity may have been read alone before. Now it belongs to the list.
function markHeld({ provenance, relation }: RelationshipOperation, held: Entity): void {
  mark([held], relatedProvenance(provenance, relation, [held]))
}

function fetch(
  context: LoadContext,
  operation: RelationshipOperation,
  owner: object,
  ended: (() => void) | undefined,
): Promise<unknown> {
  const { relation, provenance } = operation
  const { cardinality, target, through } = relation
  const near = nearOf(relation)
  const key = near.keyOf(owner)
  if (key === undefined) {
    ended?.()
    return Promise.resolve(cardinality === 'many' ? [] : null)
  }
  const fetched = new FetchedEntities(context, target, false, (found): unknown => {
    // The link table may link two rows several times. The list has the row once.
    const entities = through === undefined ? found : [...new Set(found)]
    // A copy, because the program gets the list.
    const members = entities.length > 1 ? entities.slice() : entities
    const related = relatedProvenance(provenance, relation, members, undefined, {
      site: operation.site,
    })
    mark(entities, related)
    if (related?.members !== undefined) context.observer.listRead?.(related)
    return cardinality === 'many' ? entities : (entities[0] ?? null)
  })
  fetched.ended = ended
  return context.fetch(
    selectRelated(relation, near.textsOf(key), context.defaults),
    operation,
    fetched,
  )
}

function operationOf(
  owner: object,
  relation: RelationMetadata,
  cacheHit: boolean,
  site: CallSite | undefined,
): RelationshipOperation {
  const provenance = provenanceOf(owner)
  const owners = [owner]
  return {
    kind: 'relationship',
    strategy: 'select',
    relation,
    owners,
    provenance,
    site,
    cacheHit,
    depth: 0,
  }
}
