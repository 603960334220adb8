import type { Entity } from '../entity/entity.ts'
import { joinTexts, textsOf } from '../entity/identity.ts'
import { mark, provenanceOf, relatedProvenance } from '../entity/provenance.ts'
import { observed } from '../observe/observer.ts'
import type { RelationshipOperation } from '../observe/operation.ts'
import type { ColumnMetadata, RelationMetadata } from '../schema/metadata.ts'
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
export function referredIdentity(owner: object, relation: RelationMetadata): string | undefined {
  const locals = keyColumns(relation)
  const texts = locals && textsOf(owner, locals)
  return texts === null || texts === undefined ? undefined : joinTexts(texts)
}

/**
 * The columns of the owner that hold the primary key of the target, in the order of that key;
 * undefined if the relation does not refer by the primary key.
 */
export function keyColumns(relation: RelationMetadata): readonly ColumnMetadata[] | undefined {
  const { primaryKey } = relation.target
  if (!relation.holdsKey || relation.pairs.length !== primaryKey.length) return undefined
  const locals: ColumnMetadata[] = []
  for (const column of primaryKey) {
    const local = relation.pairs.find(([, remote]) => remote === column)?.[0]
    if (local === undefined) return undefined
    locals.push(local)
  }
  return locals
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
  const texts = textsOf(owner, nearColumns(relation))
  if (texts === null || texts === undefined) return []
  const { rows } = await context.rows(selectRelated(relation, texts), operation)
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
