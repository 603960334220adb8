import type { EntityOwner } from './entity-state.ts'

/** So many entities may stand in a JSON, however little was loaded, */
const fewest = 10_000
/** and so many more for each entity that was loaded. */
const perLoaded = 10

/** What a session has loaded, and how much of it was written as JSON. */
export class JsonBudget {
  /** How many entities were loaded: one for each row of a query, and for each relation that leads to one. */
  loaded = 0
  /** How many entities were written since the newest round began. */
  written = 0
  #roots = new WeakSet<object>()

  /**
   * An entity is written by itself. `JSON.stringify` asks each entity of an array separately, without
   * a pause: they count together until one of them is written again.
   */
  begin(root: object): void {
    if (this.#roots.has(root)) this.reset()
    if (this.written === 0) queueMicrotask(() => this.reset())
    this.#roots.add(root)
  }

  /** Begins a new round. */
  reset(): void {
    this.written = 0
    this.#roots = new WeakSet()
  }
}

/** How many entities may stand in a JSON: so it is linear in what was loaded. */
export function mostEntities(budgets: Iterable<JsonBudget>, roots: number): number {
  let loaded = roots
  for (const budget of budgets) loaded += budget.loaded
  return fewest + perLoaded * loaded
}

const budgets = new WeakMap<EntityOwner, JsonBudget>()

/** The budget of a session; an entity that has none yet has its own. */
export function budgetOf(session: EntityOwner | undefined): JsonBudget {
  if (session === undefined) return new JsonBudget()
  const known = budgets.get(session)
  if (known !== undefined) return known
  const budget = new JsonBudget()
  budgets.set(session, budget)
  return budget
}
