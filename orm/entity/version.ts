import { defaultValue, valueOfKept } from '../schema/values.ts'
import type { EntityState } from './entity-state.ts'

/** Gives an entity whose write was rolled back the version of its row, or that of a new row. */
export function undoVersion(entity: object, { table, snapshot }: EntityState): void {
  const { version, hasXmin } = table
  if (version === undefined || hasXmin) return
  const value =
    snapshot === undefined
      ? defaultValue(version)
      : valueOfKept(version, snapshot[version.position] ?? null)
  // A frozen entity keeps its values.
  Reflect.set(entity, version.property, value)
}
