import type { RelationMetadata } from '../schema/metadata.ts'
import type { Entity } from './entity.ts'
import { stateOf } from './entity-state.ts'
import { budgetOf, type JsonBudget } from './json-budget.ts'

/**
 * The place of entities in a result: its root, or the end of a path of relations from there. The place
 * knows what its loaders loaded, so all entities of one place have the same shape as JSON.
 */
export class Place {
  /** The place of the result's own rows. */
  readonly root: Place
  readonly budget: JsonBudget
  /** Whether a loader loaded the relation to this place, for all entities of the place above. */
  #isLoaded = false
  #below: Map<RelationMetadata, Place> | undefined

  constructor(budget: JsonBudget, root?: Place) {
    this.budget = budget
    this.root = root ?? this
  }

  /** The place behind a relation. */
  below(relation: RelationMetadata): Place {
    this.#below ??= new Map()
    const known = this.#below.get(relation)
    if (known !== undefined) return known
    const place = new Place(this.budget, this.root)
    this.#below.set(relation, place)
    return place
  }

  /** The place behind a relation that a loader loads for all entities of this place. */
  loadedBelow(relation: RelationMetadata): Place {
    const place = this.below(relation)
    place.#isLoaded = true
    return place
  }

  /** Whether a loader loaded the relation for all entities of this place. */
  isLoaded(relation: RelationMetadata): boolean {
    const place = this.#below?.get(relation)
    return place !== undefined && place.#isLoaded
  }
}

/** Places the rows of a query. The newest query wins. */
export function placeRows(entities: readonly Entity[]): Place {
  const [first] = entities
  const place = new Place(budgetOf(first && stateOf(first).session))
  place.budget.loaded += entities.length
  for (const entity of entities) stateOf(entity).place = place
  return place
}

/** Places the entities behind a relation. An entity that already has a place keeps it, since other results have it too. */
export function placeRelated(entities: readonly object[], place: Place): void {
  place.budget.loaded += entities.length
  for (const entity of entities) stateOf(entity).place ??= place
}

/** Places the entities that a loader found. Several owners may share one. */
export function placeLoaded(
  owners: readonly Entity[],
  entities: readonly Entity[],
  place: Place,
): void {
  place.budget.loaded += owners.length
  placeRelated(entities, place)
}

/** The place of an entity. An entity that does not come from a query gets its own. */
export function placeOf(entity: object): Place {
  const state = stateOf(entity)
  return (state.place ??= new Place(budgetOf(state.session)))
}
