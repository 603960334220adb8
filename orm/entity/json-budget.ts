/** A JSON may always have this many entities. */
const fewest = 10_000
/** It may have this many more for each entity that was loaded. */
const perLoaded = 10

/** What a session has loaded, and how much of it was written as JSON. */
export class JsonBudget {
  /** How many entities were loaded, counted once for each row of a query and each relation to an entity. */
  loaded = 0
  /** How many entities were written since the newest round began. */
  written = 0
  // Made by the first root: most sessions write none.
  #roots: WeakSet<object> | undefined

  /**
   * Begins to write an entity that is not in a list of a query. `JSON.stringify` calls each entity of an
   * array separately, without a pause. They count together until one of them is written again.
   */
  begin(root: object): void {
    if (this.#roots?.has(root) === true) this.reset()
    if (this.written === 0) queueMicrotask(() => this.reset())
    this.#roots ??= new WeakSet()
    this.#roots.add(root)
  }

  /** Begins a new round. */
  reset(): void {
    this.written = 0
    this.#roots = undefined
  }
}

/** How many entities a JSON may have: its size is linear in the number of loaded entities. */
export function mostEntities(budgets: Iterable<JsonBudget>, roots: number): number {
  let loaded = roots
  for (const budget of budgets) loaded += budget.loaded
  return fewest + perLoaded * loaded
}

/** A session, which keeps its budget. */
export interface BudgetOwner {
  /** Made by the first result. */
  jsonBudget: JsonBudget | undefined
}

/** The budget of a session. An entity without a session gets its own. */
export function budgetOf(session: BudgetOwner | undefined): JsonBudget {
  if (session === undefined) return new JsonBudget()
  return (session.jsonBudget ??= new JsonBudget())
}
