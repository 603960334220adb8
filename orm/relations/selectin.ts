import type { Entity } from '../entity/entity.ts'
import { type Identity, keyNow, textsOfKey } from '../entity/identity.ts'
import { type Place, placeLoaded } from '../entity/place.ts'
import { mark, provenanceOf, relatedProvenance } from '../entity/provenance.ts'
import { relationHandle } from '../entity/relation-handle.ts'
import { observed } from '../observe/observer.ts'
import type { Operation, Outcome, RelationshipOperation } from '../observe/operation.ts'
import type { RelationMetadata } from '../schema/metadata.ts'
import type { Row } from '../schema/wire-form.ts'
import { FetchedEntities, type LoadContext } from './context.ts'
import type { KeyTexts } from './keys.ts'
import type { LoadPlan } from './loader.ts'
import { Near } from './near.ts'
import { selectRelatedOfMany } from './related.ts'

/** A relation of several entities that is loaded with one statement. */
export type Batch = RelationshipOperation & { readonly owners: readonly Entity[] }

/** The owners that have one key. */
export interface Group {
  /** What the owners keep of it. */
  readonly key: Row
  /** The same as the far side keeps it, as one value. */
  readonly identity: Identity
  readonly texts: KeyTexts
  /** The related entities. */
  entities: Entity[]
  /** Whether an owner already has this list. Every other owner gets a copy. */
  isGiven: boolean
}

/** Loads relations of entities with one statement for each loader. */
export async function loadAll(
  context: LoadContext,
  owners: readonly Entity[],
  plans: readonly LoadPlan[],
  parent: Operation,
  place: Place,
  depth = 0,
): Promise<void> {
  for (const plan of plans) {
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
    markLoaded(batch, loaded, plan)
    const below = place.loadedBelow(plan.relation)
    placeLoaded(owners, loaded, below)
    if (loaded.length > 0) await loadAll(context, loaded, plan.nested, parent, below, depth + 1)
  }
}

function markLoaded(
  { owners, relation }: Batch,
  loaded: readonly Entity[],
  { raised }: LoadPlan,
): void {
  const [owner] = owners
  if (owner !== undefined)
    mark(loaded, relatedProvenance(provenanceOf(owner), relation, loaded, raised))
}

async function load(context: LoadContext, batch: Batch, plan: LoadPlan): Promise<Entity[]> {
  const { relation, owners } = batch
  const near = new Near(relation)
  const byIdentity = new Map<Identity, Group>()
  const groups = owners.map((owner) => groupOf(byIdentity, owner, near))
  const loaded = await loadGroups(context, batch, plan, byIdentity, near)
  owners.forEach((owner, index) => {
    const group = groups[index]
    // The program may have changed the foreign key meanwhile. The new key needs its own load.
    if (relation.holdsKey && !near.hasKey(owner, group?.identity)) return
    relationHandle(owner, relation.name).fillByLoader(valueOf(relation, group))
  })
  return loaded
}

/** Loads what the groups of owners lead to. Sends nothing for targets that the session already holds. */
export function loadGroups(
  context: LoadContext,
  batch: Batch,
  plan: LoadPlan,
  byIdentity: ReadonlyMap<Identity, Group>,
  near: Near,
): Promise<Entity[]> {
  const held = plan.where === undefined ? takeHeld(context, batch, byIdentity, near) : []
  const all = [...byIdentity.values()]
  const missing = held.length === 0 ? all : all.filter(({ entities }) => entities.length === 0)
  const fetching = fetch(context, batch, plan, missing, byIdentity)
  return held.length === 0 ? fetching : fetching.then((found) => [...held, ...found])
}

/** What a relation of an owner leads to: the groups have been loaded. */
export function valueOf({ cardinality }: RelationMetadata, group: Group | undefined): unknown {
  return cardinality === 'many' ? listOf(group) : (group?.entities[0] ?? null)
}

/** The group of an owner; undefined if the owner has no key. */
export function groupOf(
  byIdentity: Map<Identity, Group>,
  owner: object,
  near: Near,
): Group | undefined {
  const key = keyNow(owner, near.columns)
  if (key === null || key === undefined) return undefined
  const identity = near.identityOfKey(key)
  const known = byIdentity.get(identity)
  if (known !== undefined) return known
  const texts = textsOfKey(near.columns, key)
  const group: Group = { key, identity, texts, entities: [], isGiven: false }
  byIdentity.set(identity, group)
  return group
}

/** Takes the targets that the session already holds. They need no statement. */
function takeHeld(
  context: LoadContext,
  { relation }: Batch,
  byIdentity: ReadonlyMap<Identity, Group>,
  near: Near,
): Entity[] {
  const taken: Entity[] = []
  for (const group of byIdentity.values()) {
    const key = near.targetOf(group.key)
    if (key === undefined) return []
    const held = context.held(relation.target, key)
    if (held === undefined) continue
    group.entities.push(held)
    taken.push(held)
  }
  return taken
}

/** Matches owners with rows, not with entities: an entity of the session may have an older key. */
async function fetch(
  context: LoadContext,
  batch: Batch,
  plan: LoadPlan,
  missing: readonly Group[],
  byIdentity: ReadonlyMap<Identity, Group>,
): Promise<Entity[]> {
  if (missing.length === 0 || plan.limit === 0) return []
  const batched = selectRelatedOfMany(plan, missing, byIdentity)
  const { target, through } = batch.relation
  const groups: (Group | undefined)[] = []
  const fetched = new FetchedEntities(context, target, false, (entities) => {
    for (let index = 0; index < entities.length; index += 1)
      groups[index]?.entities.push(entities[index] as Entity)
    return entities
  })
  // Not written where it is assigned, see `Lease`.
  const eachRow = (row: Row, index: number): void => {
    groups[index] = batched.groupOf(row)
  }
  fetched.eachRow = eachRow
  const load = (): Promise<Entity[]> => context.fetch(batched.statement, batch, fetched)
  const entities = await observed(context.observer, batch, load, countRows)
  // The link table may link two rows several times. The list has the row once.
  if (through !== undefined)
    for (const group of missing) group.entities = [...new Set(group.entities)]
  return batched.mayRepeat ? [...new Set(entities)] : entities
}

const countRows = ({ length }: readonly Entity[]): Outcome => ({ rows: length })

function listOf(group: Group | undefined): Entity[] {
  if (group === undefined) return []
  if (group.isGiven) return [...group.entities]
  group.isGiven = true
  return group.entities
}
