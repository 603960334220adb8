import { observed } from '../observe/observer.ts'
import type { Operation, RelationshipOperation } from '../observe/operation.ts'
import { type Entity } from '../entity/entity.ts'
import { keyOf } from '../entity/property.ts'
import { relationHandle } from '../entity/relation-handle.ts'
import type { RawRow } from '../entity/entity-state.ts'
import type { ColumnMetadata } from '../schema/metadata.ts'
import { mark, originOf, relatedOrigin } from '../entity/provenance.ts'
import { encodeColumn } from '../schema/values.ts'
import type { LoadContext } from './context.ts'
import type { AnyLoader } from './loader.ts'
import { selectWhereIn } from './related.ts'

/** A relation of several entities that is loaded with one statement. */
type Batch = RelationshipOperation & { readonly owners: readonly Entity[] }

/** Rows, and the entity of each. */
interface Fetched {
  readonly rows: readonly RawRow[]
  readonly entities: Entity[]
}

/** Loads relations of entities in hand: a statement for each loader, however many entities there are. */
export async function loadAll(
  context: LoadContext,
  owners: readonly Entity[],
  loaders: readonly AnyLoader[],
  parent: Operation,
  depth = 0,
): Promise<void> {
  for (const { relation, nested } of mergeLoaders(loaders)) {
    const strategy = 'selectinload'
    const batch: Batch = {
      kind: 'relationship',
      strategy,
      relation,
      owners,
      cacheHit: false,
      depth,
      parent,
    }
    const load = relation.kind === 'hasMany' ? loadMany : loadReferenced
    const loaded = await load(context, batch)
    markLoaded(batch, loaded)
    if (loaded.length > 0) await loadAll(context, loaded, nested, parent, depth + 1)
  }
}

function markLoaded({ owners, relation }: Batch, loaded: readonly Entity[]): void {
  const [owner] = owners
  if (owner !== undefined) mark(loaded, relatedOrigin(originOf(owner), relation, loaded.length))
}

/** Two loaders of one relation are one, with the nested ones of both. */
function mergeLoaders(
  loaders: readonly AnyLoader[],
): readonly Pick<AnyLoader, 'relation' | 'nested'>[] {
  const byRelation = Map.groupBy(loaders, ({ relation }) => relation)
  return [...byRelation].map(([relation, same]) => ({
    relation,
    nested: same.flatMap(({ nested }) => nested),
  }))
}

async function loadMany(context: LoadContext, batch: Batch): Promise<Entity[]> {
  const { owners, relation } = batch
  const keys = owners.map((owner) => keyOf(owner, relation.owner))
  const { rows, entities } = await fetch(context, batch, relation.foreignKey, keys)
  // By the rows and not by the entities: a held one may know an older owner.
  const { position } = relation.foreignKey
  const byKey = Map.groupBy(entities, (_, index) => rows[index]?.[position] ?? null)
  for (const owner of owners) {
    const related = byKey.get(textOf(owner, relation.owner.primaryKey)) ?? []
    relationHandle(owner, relation.name).fill(related)
  }
  return entities
}

async function loadReferenced(context: LoadContext, batch: Batch): Promise<Entity[]> {
  const { owners, relation } = batch
  const { target, foreignKey } = relation
  const found = new Map<string, Entity>()
  const missing = new Map<string, unknown>()
  for (const owner of owners) {
    const key = textOf(owner, foreignKey)
    if (key === null) continue
    const held = context.held(target, key)
    if (held === undefined) missing.set(key, valueOf(owner, foreignKey))
    else found.set(key, held)
  }
  const fetched =
    missing.size === 0
      ? []
      : (await fetch(context, batch, target.primaryKey, [...missing.values()])).entities
  for (const entity of fetched) found.set(textOf(entity, target.primaryKey) as string, entity)
  for (const owner of owners) {
    const key = textOf(owner, foreignKey)
    relationHandle(owner, relation.name).fill(key === null ? null : (found.get(key) ?? null))
  }
  return [...found.values()]
}

function fetch(
  context: LoadContext,
  batch: Batch,
  column: ColumnMetadata,
  keys: readonly unknown[],
): Promise<Fetched> {
  const { relation } = batch
  return observed(
    context.observer,
    batch,
    async () => {
      const { rows } = await context.rows(selectWhereIn(relation.target, column, keys), batch)
      return { rows, entities: context.entitiesOf(relation.target, rows) }
    },
    ({ rows }) => ({ rows: rows.length }),
  )
}

function valueOf(entity: object, column: ColumnMetadata): unknown {
  return (entity as Record<string, unknown>)[column.property]
}

function textOf(entity: object, column: ColumnMetadata): string | null {
  const value = valueOf(entity, column)
  return value === null || value === undefined ? null : encodeColumn(column, value)
}
