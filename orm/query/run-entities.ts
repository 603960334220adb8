import type { Entity } from '../entity/entity.ts'
import { keepShape } from '../entity/entity-json.ts'
import { type Place, placeRows } from '../entity/place.ts'
import { listProvenance, mark, markAlone } from '../entity/provenance.ts'
import type { Outcome, QueryOperation } from '../observe/operation.ts'
import { FetchedEntities } from '../relations/context.ts'
import { stepsBelow } from '../relations/give-joined.ts'
import { joinTree } from '../relations/join-tree.ts'
import { fetchedWith, type JoinedNode } from '../relations/joined-entities.ts'
import { statementOf, widthsOf } from '../relations/joined-select.ts'
import { loadAll } from '../relations/load-all.ts'
import { lockedProjection, withLocked } from '../relations/locked-loads.ts'
import type { Row } from '../schema/wire-form.ts'
import type { Fetched } from '../sql/fetched.ts'
import { locking, readsOf, Select, selectStatement } from '../sql/select.ts'
import type { Statement } from '../sql/statement.ts'
import type { QueryPlan } from './plan.ts'
import { atMost, countRows, observeQuery, onlyRow, type QueryContext, send } from './run.ts'

/** The entities of a query, in an array that the program does not have, and their place. */
export interface Found {
  readonly rows: readonly Entity[]
  readonly place: Place
}

/** How a query of entities is run. */
export interface EntityRun<T> {
  readonly name: QueryOperation['name']
  /** Whether its entities are a list, of which one may load for all. */
  readonly isList: boolean
  /** What it reads, if it is more than the plan says. */
  readonly select?: Select
  /** Called for each row, with its place from 0 on. */
  readonly eachRow?: (row: Row, index: number) => void
  /** Those of its entities that are meant, in their order; by default all. */
  readonly chosen?: (entities: Entity[]) => Entity[]
  /** Sends the statement. */
  readonly fetch?: <R>(
    statement: Statement,
    operation: QueryOperation,
    fetched: Fetched<R>,
  ) => Promise<R>
  /** Makes the result of the entities; with loaders, after those. */
  readonly resultOf: (entities: Entity[], found: Found | undefined) => T
  readonly outcomeOf: (result: T) => Outcome
}

export function runList(context: QueryContext, plan: QueryPlan): Promise<Entity[]> {
  const isList = plan.limit !== 1
  return runEntities(context, plan, {
    name: 'find',
    isList,
    resultOf: asList,
    outcomeOf: countRows,
  })
}

export function runFirst(context: QueryContext, plan: QueryPlan): Promise<Entity | null> {
  return runEntities(context, atMost(plan, 1), {
    name: 'first',
    isList: false,
    resultOf: ([entity = null]) => entity,
    outcomeOf: (entity) => ({ rows: entity === null ? 0 : 1 }),
  })
}

export function runOne(context: QueryContext, plan: QueryPlan): Promise<Entity> {
  return runEntities(context, atMost(plan, 2), {
    name: 'one',
    isList: false,
    resultOf: (found) => onlyRow(found, plan),
    outcomeOf: () => ({ rows: 1 }),
  })
}

/** The list of a query, which is written as JSON in the shape that its loaders gave it. */
export const asList = (entities: Entity[], found: Found | undefined): Entity[] =>
  found === undefined ? entities : keepShape(entities, found.rows, found.place)

const all = (entities: Entity[]): Entity[] => entities

export function runEntities<T>(
  context: QueryContext,
  plan: QueryPlan,
  run: EntityRun<T>,
): Promise<T> {
  const work = (operation: QueryOperation): Promise<T> =>
    readEntities(context, plan, run, operation)
  return observeQuery(context, run.name, plan, work, run.outcomeOf)
}

/** Reads entities and what their loaders load, as a part of an operation. */
export function readEntities<T>(
  context: QueryContext,
  plan: QueryPlan,
  run: Omit<EntityRun<T>, 'name' | 'outcomeOf'>,
  operation: QueryOperation,
): Promise<T> {
  const { from, lock } = plan
  const { isList, eachRow, resultOf, chosen = all } = run
  const { fetch = (...sent) => send(context, plan, ...sent) } = run
  const place = (entities: Entity[]): Found | undefined => {
    const [first] = entities
    if (first === undefined) return undefined
    // A copy, because the program may change its list.
    const rows = entities.slice()
    if (!isList) markAlone(first, plan)
    else {
      const list = listProvenance(from.table, rows, plan, operation)
      mark(rows, list)
      context.observer.listRead?.(list)
    }
    return { rows, place: placeRows(entities) }
  }
  const isLocked = lock?.locksRoot === true
  const loaders = withLocked(plan.loaders, lock?.related ?? [])
  if (loaders.length === 0) {
    const fetched = new FetchedEntities(context, from.table, isLocked, (read) => {
      const found = chosen(read)
      return resultOf(found, place(found))
    })
    fetched.eachRow = eachRow
    return fetch(selectStatement(run.select ?? new Select(plan)), operation, fetched)
  }
  const tree = joinTree(loaders)
  const projection = lockedProjection(plan.projection, tree)
  const rows = readsOf(run.select ?? new Select({ ...plan, projection }))
  let joined: readonly JoinedNode[] = []
  const read = (entities: Entity[], nodes: readonly JoinedNode[] = []): Entity[] => {
    joined = nodes
    return entities
  }
  const fetched = fetchedWith(context, from.table, isLocked, widthsOf(rows, tree), tree, read)
  fetched.eachRow = eachRow
  return context.give(async () => {
    const statement = locking(statementOf(rows, tree, context.defaults), lock)
    const found = chosen(await fetch(statement, operation, fetched))
    const at = place(found)
    if (at !== undefined) {
      const below = { place: at.place, depth: 0, parent: operation, isLocked }
      await loadAll(context, stepsBelow(context, loaders, at.rows, joined, below), operation)
    }
    return resultOf(found, at)
  })
}
