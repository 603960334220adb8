import { type TableMetadata } from '../schema/metadata.ts'
import { tableOf } from '../schema/table-of.ts'
import type { AnyEntityClass } from '../schema/relation.ts'
import { inspected, inspectKey } from './entity-inspect.ts'
import { jsonOf } from './entity-json.ts'
import { type EntityState, setStateReader } from './entity-state.ts'
import { guardMethod, guardOverrides, guardPrototype } from './guard.ts'
import { assignRow, takeHydration } from './hydrate.ts'
import { assignNew } from './new-entity.ts'
import { isFirstOf, refuseAccessors } from './shadowing.ts'

/** What every entity inherits. Its columns are plain own properties; everything else is private. */
export class Entity {
  readonly #state: EntityState

  constructor(table: TableMetadata, entity: unknown, values: unknown) {
    const hydration = takeHydration(entity)
    const row = hydration?.row
    this.#state = {
      table,
      lifecycle: row === undefined ? 'new' : 'stored',
      session: hydration?.session,
      snapshot: row,
      provenance: undefined,
      place: undefined,
      handles: undefined,
      references: undefined,
      referrers: undefined,
      links: undefined,
    }
    const isFirst =
      hydration === undefined ? isFirstOf(entity as AnyEntityClass) : hydration.isFirst
    if (isFirst) {
      refuseAccessors(tableOf(entity), entity as AnyEntityClass)
      guardOverrides((entity as AnyEntityClass).prototype, Entity.prototype, 'toJSON')
    }
    if (hydration === undefined || row === undefined) assignNew(this, this.#state, values, isFirst)
    else assignRow(this, hydration, row)
  }

  /**
   * The columns, except hidden ones and deferred ones that are not loaded, and the relations that a loader
   * of its query or an `await` loaded. An entity that already appears on the path is written with its columns
   * only, so you can load both sides of a relation.
   *
   * Called with a key, as `JSON.stringify` does, it gives the texts of Dates; without one the Dates.
   *
   * @throws DataBridgeError `DATA_BRIDGE_ERR_ENTITY` if the JSON would have far more entities than were
   * loaded, or is more than 1,000 relations deep.
   */
  toJSON(key?: string): Record<string, unknown> {
    return jsonOf(this, this.#state, key !== undefined)
  }

  static {
    setStateReader((value) =>
      typeof value === 'object' && value !== null && #state in value ? value.#state : undefined,
    )
    guardMethod(this.prototype, 'toJSON')
    guardPrototype(this.prototype)
    Object.defineProperty(this.prototype, inspectKey, {
      value(this: Entity) {
        return inspected(this, this.#state)
      },
    })
  }
}
