import type { Entity } from '../entity/entity.ts'
import { type Place, placeLoaded } from '../entity/place.ts'
import type { Provenance } from '../entity/entity-state.ts'
import { mark, provenanceOf, relatedProvenance } from '../entity/provenance.ts'
import { relationHandle } from '../entity/relation-handle.ts'
import type { Operation, RelationshipOperation } from '../observe/operation.ts'
import type { Fetching } from '../sql/fetched.ts'
import type { LoadContext } from './context.ts'
import type { LoadPlan } from './loader.ts'

/** One loader, and the entities that it loads for. */
export interface Step {
  readonly plan: LoadPlan
  readonly owners: readonly Entity[]
  /**
   * The place of the owners in the result of a query, whose JSON then shows the relation. Undefined if the
   * program called `load`: it is as if the program had awaited each relation, and whole ones are not loaded again.
   */
  readonly place: Place | undefined
  /** How deep the loader is nested; 0 is directly below the query. */
  readonly depth: number
}

/** A step that is under way. */
export interface Load {
  /** Its statement, which gives a number of rows. Undefined if it needs none. */
  readonly fetching: Fetching<number, RelationshipOperation> | undefined
  /** Gives the owners what was found. Returns the steps below. */
  finish(): readonly Step[]
}

/** The steps of loaders for entities of one place. */
export function stepsOf(
  plans: readonly LoadPlan[],
  owners: readonly Entity[],
  place: Place | undefined,
  depth: number,
): readonly Step[] {
  return owners.length === 0 ? [] : plans.map((plan) => ({ plan, owners, place, depth }))
}

/** The provenance of the owner, if the program has asked for the relation of this one alone. */
export function askedProvenance(
  { owners: [owner, other], depth }: Step,
  parent: Operation | undefined,
): Provenance | undefined {
  if (owner === undefined || other !== undefined || depth > 0 || parent !== undefined)
    return undefined
  return provenanceOf(owner)
}

/** The relation of the owners is loaded. Returns the place of its entities. */
export function placeBelow(
  context: LoadContext,
  place: Place | undefined,
  owners: readonly Entity[],
  plan: LoadPlan,
  loaded: readonly Entity[],
): Place | undefined {
  if (place !== undefined) return placeIn(context, place, owners, plan, loaded)
  markBehind(context, owners, plan, loaded)
  for (const each of owners) relationHandle(each, plan.relation.name).show()
  return undefined
}

/** The same in the result of a query. */
export function placeIn(
  context: LoadContext,
  place: Place,
  owners: readonly Entity[],
  plan: LoadPlan,
  loaded: readonly Entity[],
): Place {
  markBehind(context, owners, plan, loaded)
  const below = place.loadedBelow(plan.relation)
  placeLoaded(owners, loaded, below)
  return below
}

function markBehind(
  { observer }: LoadContext,
  [owner]: readonly Entity[],
  { relation, raised }: LoadPlan,
  loaded: readonly Entity[],
): void {
  if (owner === undefined) return
  const related = relatedProvenance(provenanceOf(owner), relation, loaded, raised)
  mark(loaded, related)
  if (related?.members !== undefined) observer.listRead?.(related)
}

/** Gives an owner what a loader found for it. */
export function fillWith(owner: Entity, plan: LoadPlan, value: unknown): void {
  relationHandle(owner, plan.relation.name).fillByLoader(value, isWhole(plan))
}

/** Whether a loader loads what the relation is without one. */
export function isWhole({ where, limit, withDefaults }: LoadPlan): boolean {
  return where === undefined && limit === undefined && withDefaults
}
