import { DataBridgeError } from '../errors.ts'
import type { RelationMetadata } from '../schema/metadata.ts'
import { listed } from '../util/messages.ts'
import { compiledOf } from './compiled-table.ts'
import type { Entity } from './entity.ts'
import { type EntityState, findState, stateOf } from './entity-state.ts'
import { type JsonBudget, mostEntities } from './json-budget.ts'
import { watched } from './left-out.ts'
import { type Place, placeOf } from './place.ts'
import type { RelationHandle } from './relation-handle.ts'

type Json = Record<string, unknown>

/** How deep entities may be nested. Deeper, the stack would overflow. */
const deepest = 1000

/** One entity on the path from the root of the JSON. */
interface Visit {
  readonly place: Place
  readonly walk: Walk
  readonly above: Visit | undefined
  /** The relation that led here. */
  readonly relation: RelationMetadata | undefined
  /** Whether only its columns are written. */
  readonly isEnd: boolean
}

/** Writes one entity or one list, with everything below it. */
class Walk {
  readonly path = new Set<object>()
  readonly #budget: JsonBudget
  readonly #budgets = new Set<JsonBudget>()
  readonly #relations = new Set<RelationMetadata>()
  readonly #roots: number
  #most = 0

  constructor({ budget }: Place, roots: number) {
    this.#budget = budget
    this.#roots = roots
    this.allow(budget)
  }

  /** Also allows as many entities as another session loaded. */
  allow(budget: JsonBudget): void {
    if (this.#budgets.has(budget)) return
    this.#budgets.add(budget)
    this.#most = mostEntities(this.#budgets, this.#roots)
  }

  follow(relation: RelationMetadata, { budget }: Place): void {
    this.#relations.add(relation)
    this.allow(budget)
  }

  /** Counts an entity that is written. */
  count(): void {
    this.#budget.written += 1
    if (this.#budget.written > this.#most)
      throw this.#refusal(
        `has more than ${this.#most} entities, the same ones again and again, along ${this.#names()}`,
      )
    if (this.path.size > deepest)
      throw this.#refusal(`is more than ${deepest} relations deep, along ${this.#names()}`)
  }

  #names(): string {
    return listed([...this.#relations].map(({ owner, name }) => `${owner.entityName}.${name}`))
  }

  #refusal(reason: string): DataBridgeError {
    this.#budget.reset()
    return new DataBridgeError(
      'DATA_BRIDGE_ERR_ENTITY',
      `the JSON ${reason}; load fewer of these relations, or answer the values that the client needs`,
    )
  }
}

// A class may override toJSON() and call super.toJSON(), which then has to know its place.
let visiting: { readonly entity: object; readonly visit: Visit } | undefined

/**
 * The columns of an entity, except hidden ones and deferred ones that are not loaded, and its relations: see
 * `Entity.toJSON`.
 *
 * @param hasTexts whether Dates are given as their texts
 */
export function jsonOf(entity: object, state: EntityState, hasTexts: boolean): Json {
  if (visiting?.entity === entity) {
    const { visit } = visiting
    visiting = undefined
    return watched(visited(entity, state, visit, hasTexts), state)
  }
  if (state.handles === undefined) return watched(columnsOf(entity, state, hasTexts), state)
  const place = placeOf(entity)
  place.budget.begin(entity)
  return watched(visited(entity, state, rootOf(place, new Walk(place, 1)), hasTexts), state)
}

/**
 * Gives the list of a query its own toJSON(): it keeps the shape of that query, even if later queries
 * load more relations of the same entities.
 *
 * @param rows the entities of the list now, in an array that nobody changes: the program may change the list
 */
export function keepShape(list: Entity[], rows: readonly Entity[], place: Place): Entity[] {
  return Object.defineProperty(list, 'toJSON', {
    value: (key?: string) => listJson(list, rows, place, key !== undefined),
  })
}

function listJson(
  list: readonly unknown[],
  rows: readonly unknown[],
  place: Place,
  hasTexts: boolean,
): readonly unknown[] {
  place.budget.reset()
  const walk = new Walk(place, list.length)
  let own: ReadonlySet<unknown> | undefined
  const json = list.map((each, index) => {
    const key = hasTexts ? String(index) : undefined
    const state = findState(each)
    if (state === undefined) return each
    if (state.place === place || (own ??= new Set(rows)).has(each))
      return below(each, rootOf(place, walk), key)
    const other = placeOf(each as object) // the program has put it into the list
    walk.allow(other.budget)
    return below(each, rootOf(other, walk), key)
  })
  place.budget.reset()
  return json
}

/** @internal Whether the JSON of an entity has relations. */
export function showsRelations(entity: object): boolean {
  const { table, handles } = stateOf(entity)
  if (handles === undefined) return false
  const place = placeOf(entity)
  const visit = rootOf(place, new Walk(place, 1))
  return table.relationNames.some((name) => {
    const handle = handles.get(name)
    return handle?.isLoaded === true && step(visit, table.relation(name), handle) !== undefined
  })
}

function rootOf(place: Place, walk: Walk): Visit {
  return { place, walk, above: undefined, relation: undefined, isEnd: false }
}

function visited(entity: object, state: EntityState, visit: Visit, hasTexts: boolean): Json {
  const { table, handles } = state
  const { walk } = visit
  walk.count()
  const json = columnsOf(entity, state, hasTexts)
  if (handles === undefined || visit.isEnd || walk.path.has(entity)) return json
  walk.path.add(entity)
  // In the order of the declaration: equal entities have equal JSON, whatever was loaded first.
  for (const name of table.relationNames) {
    const handle = handles.get(name)
    if (handle?.isLoaded !== true) continue
    const next = step(visit, table.relation(name), handle)
    if (next !== undefined) json[name] = below(handle.value, next, hasTexts ? name : undefined)
  }
  walk.path.delete(entity)
  return json
}

/** The step to a loaded relation; undefined if it is not shown, because neither a loader of this result nor the program loaded it here. */
function step(
  visit: Visit,
  relation: RelationMetadata,
  { shownAt }: RelationHandle,
): Visit | undefined {
  const { place, walk } = visit
  if (shownAt === place || place.isLoaded(relation)) {
    walk.follow(relation, place)
    return { place: place.below(relation), walk, above: visit, relation, isEnd: false }
  }
  // What the program awaited is shown in other results too. In its own result it is shown where the entity stands.
  if (shownAt === undefined) return undefined
  if (visit.above !== undefined && isOnPath(visit, shownAt.root)) return undefined
  walk.follow(relation, shownAt)
  const isEnd = isRepeated(visit, relation)
  return { place: shownAt.below(relation), walk, above: visit, relation, isEnd }
}

function isOnPath(visit: Visit, root: Place): boolean {
  for (let at: Visit | undefined = visit; at !== undefined; at = at.above)
    if (at.place.root === root) return true
  return false
}

/** Whether the path already has this relation. In a tree, a relation directly follows itself. */
function isRepeated(visit: Visit, relation: RelationMetadata): boolean {
  if (visit.relation === relation) return false
  for (let at: Visit | undefined = visit; at !== undefined; at = at.above)
    if (at.relation === relation) return true
  return false
}

/** @param key what `JSON.stringify` would give `toJSON`; undefined where the program called it */
function below(value: unknown, visit: Visit, key: string | undefined): unknown {
  if (Array.isArray(value)) {
    return value.map((each, index) =>
      below(each, visit, key === undefined ? undefined : String(index)),
    )
  }
  const state = findState(value)
  if (state === undefined) return value
  const outer = visiting
  visiting = { entity: value as Entity, visit }
  try {
    return (value as Entity).toJSON(key)
  } finally {
    visiting = outer
  }
}

function columnsOf(entity: object, { table }: EntityState, hasTexts: boolean): Json {
  const compiled = compiledOf(table)
  return hasTexts ? compiled.jsonTexts(entity) : compiled.json(entity)
}
