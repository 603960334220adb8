import { observed } from '../observe/observer.ts'
import type { RelationshipOperation } from '../observe/operation.ts'
import { type Entity } from '../entity/entity.ts'
import { keyOf } from '../entity/property.ts'
import type { ColumnMetadata, RelationMetadata } from '../schema/metadata.ts'
import { mark, originOf, relatedOrigin } from '../entity/provenance.ts'
import { encodeColumn } from '../schema/values.ts'
import type { LoadContext } from './context.ts'
import { selectWhere } from './related.ts'

/** Loads the relation of one entity, because it was awaited: by the identity map, or with one statement. */
export function loadLazily(
  context: LoadContext,
  owner: object,
  relation: RelationMetadata,
): Promise<unknown> {
  return relation.kind === 'hasMany'
    ? loadMany(context, owner, relation)
    : loadReferenced(context, owner, relation)
}

function loadMany(
  context: LoadContext,
  owner: object,
  relation: RelationMetadata,
): Promise<Entity[]> {
  const operation = operationOf(owner, relation, false)
  const key = keyOf(owner, relation.owner)
  return observed(
    context.observer,
    operation,
    () => fetch(context, operation, relation.foreignKey, key),
    (entities) => ({ rows: entities.length }),
  )
}

async function loadReferenced(
  context: LoadContext,
  owner: object,
  relation: RelationMetadata,
): Promise<Entity | null> {
  const { target, foreignKey } = relation
  const key = (owner as Record<string, unknown>)[foreignKey.property]
  const held = context.held(target, encodeColumn(foreignKey, key) as string)
  const operation = operationOf(owner, relation, held !== undefined)
  const [entity = null] = await observed(
    context.observer,
    operation,
    async () =>
      held === undefined
        ? fetch(context, operation, target.primaryKey, key)
        : markHeld(operation, held),
    (entities) => ({ rows: entities.length }),
  )
  return entity
}

// An entity that was read on its own before is one of the list now.
function markHeld({ origin, relation }: RelationshipOperation, held: Entity): Entity[] {
  mark([held], relatedOrigin(origin, relation, 1))
  return [held]
}

async function fetch(
  context: LoadContext,
  operation: RelationshipOperation,
  column: ColumnMetadata,
  key: unknown,
): Promise<Entity[]> {
  const { target } = operation.relation
  const { rows } = await context.rows(selectWhere(target, column, key), operation)
  const entities = context.entitiesOf(target, rows)
  mark(entities, relatedOrigin(operation.origin, operation.relation, entities.length))
  return entities
}

function operationOf(
  owner: object,
  relation: RelationMetadata,
  cacheHit: boolean,
): RelationshipOperation {
  const origin = originOf(owner)
  const owners = [owner]
  return { kind: 'relationship', strategy: 'select', relation, owners, origin, cacheHit, depth: 0 }
}
