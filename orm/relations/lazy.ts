import type { Entity } from '../entity/entity.ts'
import { type Identity, identityOfKey, keyNow, keptThere, textsOfKey } from '../entity/identity.ts'
import { mark, provenanceOf, relatedProvenance } from '../entity/provenance.ts'
import { observed } from '../observe/observer.ts'
import type { RelationshipOperation } from '../observe/operation.ts'
import type { RelationMetadata } from '../schema/metadata.ts'
import type { ColumnPair } from '../schema/relation-metadata.ts'
import type { Primitive } from '../schema/wire-form.ts'
import type { LoadContext } from './context.ts'
import { selectRelated } from './related.ts'
import { nearColumns } from './side.ts'

/** Loads the relation of one entity when the program awaits it: from the identity map, or with one statement. */
export async function loadLazily(
  context: LoadContext,
  owner: object,
  relation: RelationMetadata,
): Promise<unknown> {
  const held = heldTarget(context, owner, relation)
  const operation = operationOf(owner, relation, held !== undefined)
  const load = async (): Promise<Entity[]> =>
    held === undefined ? fetch(context, operation, owner) : markHeld(operation, held)
  const entities = await observed(context.observer, operation, load, ({ length }) => ({
    rows: length,
  }))
  return relation.cardinality === 'many' ? entities : (entities[0] ?? null)
}

/** The entity that a to-one relation leads to, if the session holds it already. */
function heldTarget(
  context: LoadContext,
  owner: object,
  relation: RelationMetadata,
): Entity | undefined {
  const identity = referredIdentity(owner, relation)
  return identity === undefined ? undefined : context.held(relation.target, identity)
}

/** The identity of the row that the owner refers to; undefined if it does not refer by the primary key. */
export function referredIdentity(owner: object, relation: RelationMetadata): Identity | undefined {
  const pairs = keyPairs(relation)
  if (pairs === undefined) return undefined
  const key = keyNow(
    owner,
    pairs.map(([local]) => local),
  )
  if (key === null || key === undefined) return undefined
  return identityOfKey(
    relation.target.primaryKey,
    pairs.map((pair, index) => keptThere(pair, key[index] as Primitive)),
  )
}

const pairsOfKeys = new WeakMap<RelationMetadata, readonly ColumnPair[] | null>()

/**
 * The columns of the owner that hold the primary key of the target, in the order of that key;
 * undefined if the relation does not refer by the primary key.
 */
export function keyPairs(relation: RelationMetadata): readonly ColumnPair[] | undefined {
  let pairs = pairsOfKeys.get(relation)
  if (pairs === undefined) pairsOfKeys.set(relation, (pairs = findKeyPairs(relation)))
  return pairs ?? undefined
}

function findKeyPairs({ target, pairs, holdsKey }: RelationMetadata): readonly ColumnPair[] | null {
  const { primaryKey } = target
  if (!holdsKey || pairs.length !== primaryKey.length) return null
  const found = primaryKey.map((column) => pairs.find(([, remote]) => remote === column))
  return found.includes(undefined) ? null : (found as readonly ColumnPair[])
}

// The entity may have been read alone before. Now it belongs to the list.
function markHeld({ provenance, relation }: RelationshipOperation, held: Entity): Entity[] {
  mark([held], relatedProvenance(provenance, relation, 1))
  return [held]
}

async function fetch(
  context: LoadContext,
  operation: RelationshipOperation,
  owner: object,
): Promise<Entity[]> {
  const { relation } = operation
  const columns = nearColumns(relation)
  const key = keyNow(owner, columns)
  if (key === null || key === undefined) return []
  const statement = selectRelated(relation, textsOfKey(columns, key))
  const { rows } = await context.rows(statement, operation)
  const found = context.entitiesOf(relation.target, rows)
  // The link table may link two rows several times. The list has the row once.
  const entities = relation.through === undefined ? found : [...new Set(found)]
  mark(entities, relatedProvenance(operation.provenance, relation, entities.length))
  return entities
}

function operationOf(
  owner: object,
  relation: RelationMetadata,
  cacheHit: boolean,
): RelationshipOperation {
  const provenance = provenanceOf(owner)
  const owners = [owner]
  return {
    kind: 'relationship',
    strategy: 'select',
    relation,
    owners,
    provenance,
    cacheHit,
    depth: 0,
  }
}
