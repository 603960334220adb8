import type { TableMetadata } from '../schema/metadata.ts'
import type { EntityState } from './entity-state.ts'

/** A property of an entity that its JSON does not have. */
export interface LeftOut {
  readonly table: TableMetadata
  readonly property: string
  /** Why: a relation that is not loaded, one that this result does not show, a deferred or a hidden column. */
  readonly why: 'not loaded' | 'not shown' | 'deferred' | 'hidden'
}

let found: ((leftOut: LeftOut) => void) | undefined

/** Tells what is read of the JSON of entities that `work` makes, and that it does not have. */
export function watchLeftOut<T>(tell: (leftOut: LeftOut) => void, work: () => T): T {
  const outer = found
  found = tell
  try {
    return work()
  } finally {
    found = outer
  }
}

/** The JSON of an entity. It tells what is read of it, if somebody watches. */
export function watched(
  json: Record<string, unknown>,
  state: EntityState,
): Record<string, unknown> {
  const tell = found
  if (tell === undefined) return json
  return new Proxy(json, {
    get(target, property, receiver) {
      if (typeof property === 'string' && !Object.hasOwn(target, property)) {
        const why = whyLeftOut(state, property)
        if (why !== undefined) tell({ table: state.table, property, why })
      }
      return Reflect.get(target, property, receiver) as unknown
    },
  })
}

function whyLeftOut({ table, handles }: EntityState, property: string): LeftOut['why'] | undefined {
  if (table.relationNames.includes(property))
    return handles?.get(property)?.isLoaded === true ? 'not shown' : 'not loaded'
  const column = table.columnOf.get(property)
  if (column === undefined) return undefined
  return column.hidden ? 'hidden' : column.deferred ? 'deferred' : undefined
}
