import type { Entity } from '../entity/entity.ts'
import { joinTexts, textsOf } from '../entity/identity.ts'
import { type Place, placeLoaded } from '../entity/place.ts'
import { mark, originOf, relatedOrigin } from '../entity/provenance.ts'
import { relationHandle } from '../entity/relation-handle.ts'
import { observed } from '../observe/observer.ts'
import type { Operation, RelationshipOperation } from '../observe/operation.ts'
import type { ColumnMetadata } from '../schema/metadata.ts'
import type { LoadContext } from './context.ts'
import type { KeyTexts } from './keys.ts'
import { heldTarget } from './lazy.ts'
import type { LoadPlan } from './loader.ts'
import { selectRelatedOfMany } from './related.ts'
import { nearColumns } from './side.ts'

/** A relation of several entities that is loaded with one statement. */
type Batch = RelationshipOperation & { readonly owners: readonly Entity[] }

/** What the relation leads to from the owners that have one key. */
interface Group {
  readonly key: KeyTexts
  /** The joined texts of the key. */
  readonly text: string
  entities: Entity[]
  /** Whether an owner has the list itself: others get lists of their own. */
  isGiven: boolean
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
  if (owner !== undefined) mark(loaded, relatedOrigin(originOf(owner), relation, loaded.length))
}

async function load(context: LoadContext, batch: Batch, plan: LoadPlan): Promise<Entity[]> {
  const { relation, owners } = batch
  const columns = nearColumns(relation)
  const byText = new Map<string, Group>()
  const missing: Group[] = []
  const held: Entity[] = []
  const groups = owners.map((owner) => {
    const key = textsOf(owner, columns)
    if (key === null || key === undefined) return undefined
    const text = joinTexts(key)
    const known = byText.get(text)
    if (known !== undefined) return known
    const group: Group = { key, text, entities: [], isGiven: false }
    byText.set(text, group)
    const target = plan.where === undefined ? heldTarget(context, owner, relation) : undefined
    if (target === undefined) missing.push(group)
    else held.push(...(group.entities = [target]))
    return group
  })
  const found = await fetch(context, batch, plan, missing, byText)
  owners.forEach((owner, index) => {
    const group = groups[index]
    // The program may have set another key while it was loaded; that has a load of its own.
    if (relation.holdsKey && textOfKey(owner, columns) !== group?.text) return
    const value = relation.cardinality === 'many' ? listOf(group) : (group?.entities[0] ?? null)
    relationHandle(owner, relation.name).fillByLoader(value)
  })
  return held.length === 0 ? found : [...held, ...found]
}

/** By the rows and not by the entities: one that is held already may know an older owner. */
async function fetch(
  context: LoadContext,
  batch: Batch,
  plan: LoadPlan,
  missing: readonly Group[],
  byText: ReadonlyMap<string, Group>,
): Promise<Entity[]> {
  if (missing.length === 0 || plan.limit === 0) return []
  const { statement, mayRepeat, groupOf } = selectRelatedOfMany(plan, missing, byText)
  const { target, through } = batch.relation
  const load = async (): Promise<Entity[]> => {
    const { rows } = await context.rows(statement, batch)
    const entities = context.entitiesOf(target, rows)
    entities.forEach((entity, index) => groupOf(rows[index] ?? [])?.entities.push(entity))
    return entities
  }
  const entities = await observed(context.observer, batch, load, ({ length }) => ({ rows: length }))
  // What the table between has twice is in the relation once.
  if (through !== undefined)
    for (const group of missing) group.entities = [...new Set(group.entities)]
  return mayRepeat ? [...new Set(entities)] : entities
}

function listOf(group: Group | undefined): Entity[] {
  if (group === undefined) return []
  if (group.isGiven) return [...group.entities]
  group.isGiven = true
  return group.entities
}

function textOfKey(owner: object, columns: readonly ColumnMetadata[]): string | undefined {
  const key = textsOf(owner, columns)
  return key === null || key === undefined ? undefined : joinTexts(key)
}
