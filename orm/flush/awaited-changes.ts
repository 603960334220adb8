import type { Entity } from '../entity/entity.ts'
import { stateOf } from '../entity/entity-state.ts'
import { valueOf } from '../entity/property.ts'
import {
  type AwaitedChange,
  type Change,
  changeOf,
  type ChangeSet,
  awaitsKeys,
} from '../unit-of-work/change-set.ts'
import type { IdentityMap } from '../unit-of-work/identity-map.ts'
import { fillForeignKeys } from './insert.ts'
import type { Writing } from './writing.ts'

/** The same changes, with those of entities that refer to new ones. */
export function withAwaited({ work }: Writing, changes: ChangeSet): ChangeSet {
  if (changes.awaiting.length === 0) return changes
  const awaited = changes.awaiting.flatMap((entity) => awaitedChange(entity, work.identity) ?? [])
  return { ...changes, changed: [...changes.changed, ...awaited] }
}

function awaitedChange(entity: Entity, identity: IdentityMap): AwaitedChange | undefined {
  const { table, snapshot, references } = stateOf(entity)
  // The program has rolled it back meanwhile.
  if (snapshot === undefined) return undefined
  const known = changeOf(entity, identity)
  const columns = [...(references?.keys() ?? [])].flatMap(({ foreignKey }) => foreignKey)
  const awaited = columns
    .filter((column) => valueOf(entity, column) === undefined)
    .map(({ position }) => position)
  const row = (known?.row ?? snapshot).slice()
  for (const position of awaited) row[position] = null
  const places = [...new Set([...(known?.places ?? []), ...awaited])].toSorted((a, b) => a - b)
  return { entity, table, snapshot, row, places, made: known?.made ?? [], awaited }
}

/** The changes of a step, with the foreign keys that the statements before it have made. */
export async function completeChanges(
  writing: Writing,
  changes: readonly Change[],
): Promise<readonly Change[]> {
  const awaiting = changes.filter(awaitsKeys).map(({ entity }) => entity)
  if (awaiting.length > 0) {
    await writing.settle()
    for (const entity of awaiting) fillForeignKeys(entity)
    writing.work.completed(awaiting)
  }
  return changes.flatMap((change) =>
    awaitsKeys(change) ? (changeOf(change.entity, writing.work.identity) ?? []) : change,
  )
}
