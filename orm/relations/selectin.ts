import type { Entity } from '../entity/entity.ts'
import { joinTexts, textsOf } from '../entity/identity.ts'
import { type Place, placeLoaded } from '../entity/place.ts'
import { mark, provenanceOf, relatedProvenance } from '../entity/provenance.ts'
import { relationHandle } from '../entity/relation-handle.ts'
import { observed } from '../observe/observer.ts'
import type { Operation, RelationshipOperation } from '../observe/operation.ts'
import type { ColumnMetadata } from '../schema/metadata.ts'
import type { LoadContext } from './context.ts'
import type { KeyTexts } from './keys.ts'
import { keyColumns } from './lazy.ts'
import type { LoadPlan } from './loader.ts'
import { selectRelatedOfMany } from './related.ts'
import { nearColumns } from './side.ts'

/** A relation of several entities that is loaded with one statement. */
type Batch = RelationshipOperation & { readonly owners: readonly Entity[] }

/** The owners that have one key. */
interface Group {
  readonly key: KeyTexts
  /** The joined texts of the key. */
  readonly text: string
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
    markLoaded(batch, loaded)
    const below = place.loadedBelow(plan.relation)
    placeLoaded(owners, loaded, below)
    if (loaded.length > 0) await loadAll(context, loaded, plan.nested, parent, below, depth + 1)
  }
}

function markLoaded({ owners, relation }: Batch, loaded: readonly Entity[]): void {
  const [owner] = owners
  if (owner !== undefined)
    mark(loaded, relatedProvenance(provenanceOf(owner), relation, loaded.length))
}

async function load(context: LoadContext, batch: Batch, plan: LoadPlan): Promise<Entity[]> {
  const { relation, owners } = batch
  const columns = nearColumns(relation)
  const byText = new Map<string, Group>()
  const groups = owners.map((owner) => groupOf(byText, owner, columns))
  const held = plan.where === undefined ? takeHeld(context, batch, byText, columns) : []
  const all = [...byText.values()]
  const missing = held.length === 0 ? all : all.filter(({ entities }) => entities.length === 0)
  const found = await fetch(context, batch, plan, missing, byText)
  owners.forEach((owner, index) => {
    const group = groups[index]
    // The program may have changed the foreign key meanwhile. The new key needs its own load.
    if (relation.holdsKey && textOfKey(textsOf(owner, columns)) !== group?.text) return
    const value = relation.cardinality === 'many' ? listOf(group) : (group?.entities[0] ?? null)
    relationHandle(owner, relation.name).fillByLoader(value)
  })
  return held.length === 0 ? found : [...held, ...found]
}

/** The group of an owner; undefined if the owner has no key. */
function groupOf(
  byText: Map<string, Group>,
  owner: object,
  columns: readonly ColumnMetadata[],
): Group | undefined {
  const key = textsOf(owner, columns)
  if (key === null || key === undefined) return undefined
  const text = joinTexts(key)
  const known = byText.get(text)
  if (known !== undefined) return known
  const group: Group = { key, text, entities: [], isGiven: false }
  byText.set(text, group)
  return group
}

function textOfKey(key: KeyTexts | null | undefined): string | undefined {
  return key === null || key === undefined ? undefined : joinTexts(key)
}

/** Takes the targets that the session already holds. They need no statement. */
function takeHeld(
  context: LoadContext,
  { relation }: Batch,
  byText: ReadonlyMap<string, Group>,
  columns: readonly ColumnMetadata[],
): Entity[] {
  const inKey = keyColumns(relation)
  if (inKey === undefined) return []
  const places = inKey.map((column) => columns.indexOf(column))
  const taken: Entity[] = []
  for (const group of byText.values()) {
    const identity = joinTexts(places.map((place) => group.key[place] as string))
    const held = context.held(relation.target, identity)
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
  byText: ReadonlyMap<string, Group>,
): Promise<Entity[]> {
  if (missing.length === 0 || plan.limit === 0) return []
  const batched = selectRelatedOfMany(plan, missing, byText)
  const { target, through } = batch.relation
  const load = async (): Promise<Entity[]> => {
    const { rows } = await context.rows(batched.statement, batch)
    const entities = context.entitiesOf(target, rows)
    entities.forEach((entity, index) => {
      batched.groupOf(rows[index] ?? [])?.entities.push(entity)
    })
    return entities
  }
  const entities = await observed(context.observer, batch, load, ({ length }) => ({ rows: length }))
  // The link table may link two rows several times. The list has the row once.
  if (through !== undefined)
    for (const group of missing) group.entities = [...new Set(group.entities)]
  return batched.mayRepeat ? [...new Set(entities)] : entities
}

function listOf(group: Group | undefined): Entity[] {
  if (group === undefined) return []
  if (group.isGiven) return [...group.entities]
  group.isGiven = true
  return group.entities
}
