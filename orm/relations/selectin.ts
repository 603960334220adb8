import type { Entity } from '../entity/entity.ts'
import { joinTexts, textsOf } from '../entity/identity.ts'
import { type Place, placeLoaded } from '../entity/place.ts'
import { mark, originOf, relatedOrigin } from '../entity/provenance.ts'
import { relationHandle } from '../entity/relation-handle.ts'
import { observed } from '../observe/observer.ts'
import type { Operation, RelationshipOperation } from '../observe/operation.ts'
import type { LoadContext } from './context.ts'
import type { KeyTexts } from './keys.ts'
import { referredIdentity } from './lazy.ts'
import { type LoadPlan, mergePlans } from './loader.ts'
import { selectRelatedOfMany } from './related.ts'
import { nearColumns } from './side.ts'

/** A relation of several entities that is loaded with one statement. */
type Batch = RelationshipOperation & { readonly owners: readonly Entity[] }

/** Owners that have the same key. */
interface Owners {
  readonly key: KeyTexts
  readonly entities: Entity[]
}

/** Loads relations of entities in hand: a statement for each loader, however many entities there are. */
export async function loadAll(
  context: LoadContext,
  owners: readonly Entity[],
  plans: readonly LoadPlan[],
  parent: Operation,
  place: Place,
  depth = 0,
): Promise<void> {
  for (const plan of mergePlans(plans)) {
    const batch: Batch = {
      kind: 'relationship',
      strategy: 'selectinload',
      relation: plan.relation,
      owners,
      cacheHit: false,
      depth,
      parent,
    }
    const loaded = await load(context, batch, plan)
    markLoaded(batch, loaded)
    const below = place.loadedBelow(plan.relation)
    placeLoaded(owners, loaded, below)
    if (loaded.length > 0) await loadAll(context, loaded, plan.nested, parent, below, depth + 1)
  }
}

function markLoaded({ owners, relation }: Batch, loaded: readonly Entity[]): void {
  const [owner] = owners
  if (owner !== undefined) mark(loaded, relatedOrigin(originOf(owner), relation, loaded.length))
}

async function load(context: LoadContext, batch: Batch, plan: LoadPlan): Promise<Entity[]> {
  const { relation, owners } = batch
  const groups = byKey(batch)
  const related = new Map<Owners, Entity[]>()
  const loaded = new Set<Entity>()
  const missing: Owners[] = []
  for (const group of groups) {
    const held = plan.where === undefined ? heldBy(context, batch, group) : undefined
    if (held === undefined) missing.push(group)
    else {
      related.set(group, [held])
      loaded.add(held)
    }
  }
  for (const [group, entities] of await fetch(context, batch, plan, missing)) {
    related.set(group, entities)
    for (const entity of entities) loaded.add(entity)
  }
  const isMany = relation.cardinality === 'many'
  const keyed = new Set<Entity>()
  for (const group of groups) {
    const entities = related.get(group) ?? []
    for (const owner of group.entities) {
      keyed.add(owner)
      relationHandle(owner, relation.name).fillByLoader(
        isMany ? [...entities] : (entities[0] ?? null),
      )
    }
  }
  for (const owner of owners)
    if (!keyed.has(owner)) relationHandle(owner, relation.name).fillByLoader(isMany ? [] : null)
  return [...loaded]
}

/** The owners that have a key, each key once. */
function byKey({ owners, relation }: Batch): readonly Owners[] {
  const columns = nearColumns(relation)
  const groups = new Map<string, Owners>()
  for (const owner of owners) {
    const key = textsOf(owner, columns)
    if (key === null || key === undefined) continue
    const text = joinTexts(key)
    const group = groups.get(text)
    if (group === undefined) groups.set(text, { key, entities: [owner] })
    else group.entities.push(owner)
  }
  return [...groups.values()]
}

function heldBy(
  context: LoadContext,
  { relation }: Batch,
  { entities: [owner] }: Owners,
): Entity | undefined {
  const identity = owner === undefined ? undefined : referredIdentity(owner, relation)
  return identity === undefined ? undefined : context.held(relation.target, identity)
}

/** By the rows and not by the entities: one that is held already may know an older owner. */
async function fetch(
  context: LoadContext,
  batch: Batch,
  plan: LoadPlan,
  missing: readonly Owners[],
): Promise<ReadonlyMap<Owners, Entity[]>> {
  const found = new Map<Owners, Entity[]>()
  if (missing.length === 0) return found
  const { statement, placesOf } = selectRelatedOfMany(
    plan,
    missing.map(({ key }) => key),
  )
  const load = async (): Promise<number> => {
    const { rows } = await context.rows(statement, batch)
    const entities = context.entitiesOf(batch.relation.target, rows)
    entities.forEach((entity, index) => {
      for (const place of placesOf(rows[index] ?? [])) {
        const group = missing[place] as Owners
        const its = found.get(group)
        if (its === undefined) found.set(group, [entity])
        else its.push(entity)
      }
    })
    return rows.length
  }
  await observed(context.observer, batch, load, (rows) => ({ rows }))
  return found
}
