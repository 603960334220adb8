import { observed } from '../observe/observer.ts'
import type { Operation } from '../observe/operation.ts'
import { type Entity, keyOf, relationHandle, stateOf } from '../schema/entity.ts'
import type { ColumnMetadata, RelationMetadata } from '../schema/metadata.ts'
import { encodeColumn } from '../schema/values.ts'
import type { LoadContext } from './context.ts'
import type { AnyLoader } from './loader.ts'
import { selectWhereIn } from './related.ts'

/** Loads relations of entities in hand: a statement for each loader, however many entities there are. */
export async function loadAll(
  context: LoadContext,
  owners: readonly Entity[],
  loaders: readonly AnyLoader[],
  parent: Operation,
  depth = 0,
): Promise<void> {
  for (const loader of mergeLoaders(loaders)) {
    const loaded = await loadOne(context, owners, loader.relation, parent, depth)
    if (loaded.length > 0) await loadAll(context, loaded, loader.nested, parent, depth + 1)
  }
}

/** Two loaders of one relation are one, with the nested ones of both. */
export function mergeLoaders(
  loaders: readonly AnyLoader[],
): readonly Pick<AnyLoader, 'relation' | 'nested'>[] {
  const byRelation = Map.groupBy(loaders, ({ relation }) => relation)
  return [...byRelation].map(([relation, same]) => ({
    relation,
    nested: same.flatMap(({ nested }) => nested),
  }))
}

function loadOne(
  context: LoadContext,
  owners: readonly Entity[],
  relation: RelationMetadata,
  parent: Operation,
  depth: number,
): Promise<Entity[]> {
  const load = relation.kind === 'hasMany' ? loadMany : loadReferenced
  return load(context, owners, relation, parent, depth)
}

async function loadMany(
  context: LoadContext,
  owners: readonly Entity[],
  relation: RelationMetadata,
  parent: Operation,
  depth: number,
): Promise<Entity[]> {
  if (owners.length === 0) return []
  const { target, foreignKey } = relation
  const keys = owners.map((owner) => keyOf(owner, relation.owner))
  const entities = await fetch(context, relation, owners, foreignKey, keys, parent, depth)
  const byKey = Map.groupBy(entities, (entity) => textOf(entity, foreignKey))
  for (const owner of owners) {
    const key = textOf(owner, relation.owner.primaryKey)
    relationHandle(owner, relation.name).fill(byKey.get(key) ?? [])
  }
  return entities.filter((entity) => stateOf(entity).table === target)
}

async function loadReferenced(
  context: LoadContext,
  owners: readonly Entity[],
  relation: RelationMetadata,
  parent: Operation,
  depth: number,
): Promise<Entity[]> {
  const { target, foreignKey } = relation
  const found = new Map<string, Entity>()
  const missing = new Map<string, unknown>()
  for (const owner of owners) {
    const text = textOf(owner, foreignKey)
    if (text === null) continue
    const held = context.held(target, text)
    if (held === undefined)
      missing.set(text, (owner as unknown as Record<string, unknown>)[foreignKey.property])
    else found.set(text, held)
  }
  if (missing.size > 0) {
    const keys = [...missing.values()]
    for (const entity of await fetch(
      context,
      relation,
      owners,
      target.primaryKey,
      keys,
      parent,
      depth,
    )) {
      found.set(textOf(entity, target.primaryKey) as string, entity)
    }
  }
  for (const owner of owners) {
    const text = textOf(owner, foreignKey)
    relationHandle(owner, relation.name).fill(text === null ? null : (found.get(text) ?? null))
  }
  return [...found.values()]
}

function fetch(
  context: LoadContext,
  relation: RelationMetadata,
  owners: readonly Entity[],
  column: ColumnMetadata,
  keys: readonly unknown[],
  parent: Operation,
  depth: number,
): Promise<Entity[]> {
  const operation = {
    kind: 'relationship',
    strategy: 'selectinload',
    relation,
    owners,
    depth,
    parent,
  } as const
  return observed(
    context.observer,
    operation,
    async () => {
      const { rows } = await context.rows(selectWhereIn(relation.target, column, keys), operation)
      return context.entitiesOf(relation.target, rows)
    },
    (entities) => ({ rows: entities.length }),
  )
}

function textOf(entity: object, column: ColumnMetadata): string | null {
  const value = (entity as Record<string, unknown>)[column.property]
  return value === null || value === undefined ? null : encodeColumn(column, value)
}
