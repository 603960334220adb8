import type { Entity } from '../entity/entity.ts'
import type { RawRow } from '../entity/entity-state.ts'
import { joinTexts, textsOf } from '../entity/identity.ts'
import { type Place, placeLoaded } from '../entity/place.ts'
import { mark, originOf, relatedOrigin } from '../entity/provenance.ts'
import { relationHandle } from '../entity/relation-handle.ts'
import { observed } from '../observe/observer.ts'
import type { Operation, RelationshipOperation } from '../observe/operation.ts'
import type { ColumnMetadata, RelationMetadata } from '../schema/metadata.ts'
import type { LoadContext } from './context.ts'
import { referredIdentity } from './lazy.ts'
import type { AnyLoader } from './loader.ts'
import { selectByAny } from './related.ts'

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
  place: Place,
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
    const load = relation.holdsKey ? loadReferenced : loadMany
    const loaded = await load(context, batch)
    markLoaded(batch, loaded)
    const below = place.loadedBelow(relation)
    placeLoaded(owners, loaded, below)
    if (loaded.length > 0) await loadAll(context, loaded, nested, parent, below, depth + 1)
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
  const keys = keysOf(owners, localsOf(relation))
  const { rows, entities } =
    keys.size === 0 ? nothing : await fetch(context, batch, [...keys.values()])
  // By the rows and not by the entities: a held one may know an older owner.
  const remotes = relation.pairs.map(([, remote]) => remote)
  const byKey = Map.groupBy(entities, (_, index) =>
    joinTexts(remotes.map(({ position }) => rows[index]?.[position] ?? '')),
  )
  for (const owner of owners) {
    const texts = textsOf(owner, localsOf(relation)) ?? undefined
    const related = texts === undefined ? [] : (byKey.get(joinTexts(texts)) ?? [])
    relationHandle(owner, relation.name).fillByLoader(
      relation.cardinality === 'many' ? related : (related[0] ?? null),
    )
  }
  return entities
}

async function loadReferenced(context: LoadContext, batch: Batch): Promise<Entity[]> {
  const { owners, relation } = batch
  const { target } = relation
  const found = new Map<string, Entity>()
  const missing = keysOf(owners, localsOf(relation))
  for (const owner of owners) {
    const identity = referredIdentity(owner, relation)
    const held = identity === undefined ? undefined : context.held(target, identity)
    const texts = textsOf(owner, localsOf(relation))
    if (held === undefined || texts === null || texts === undefined) continue
    const key = joinTexts(texts)
    found.set(key, held)
    missing.delete(key)
  }
  if (missing.size > 0) {
    const { rows, entities } = await fetch(context, batch, [...missing.values()])
    const remotes = relation.pairs.map(([, remote]) => remote)
    entities.forEach((entity, index) => {
      found.set(joinTexts(remotes.map(({ position }) => rows[index]?.[position] ?? '')), entity)
    })
  }
  for (const owner of owners) {
    const texts = textsOf(owner, localsOf(relation))
    const referred = texts === null || texts === undefined ? undefined : found.get(joinTexts(texts))
    relationHandle(owner, relation.name).fillByLoader(referred ?? null)
  }
  return [...found.values()]
}

const nothing: Fetched = { rows: [], entities: [] }

function localsOf({ pairs }: RelationMetadata): readonly ColumnMetadata[] {
  return pairs.map(([local]) => local)
}

/** The keys of entities, each once. */
function keysOf(
  owners: readonly Entity[],
  columns: readonly ColumnMetadata[],
): Map<string, readonly string[]> {
  const keys = new Map<string, readonly string[]>()
  for (const owner of owners) {
    const texts = textsOf(owner, columns)
    if (texts !== null && texts !== undefined) keys.set(joinTexts(texts), texts)
  }
  return keys
}

function fetch(
  context: LoadContext,
  batch: Batch,
  keys: readonly (readonly string[])[],
): Promise<Fetched> {
  const { target, pairs } = batch.relation
  const remotes = pairs.map(([, remote]) => remote)
  return observed(
    context.observer,
    batch,
    async () => {
      const { rows } = await context.rows(selectByAny(target, remotes, keys), batch)
      return { rows, entities: context.entitiesOf(target, rows) }
    },
    ({ rows }) => ({ rows: rows.length }),
  )
}
