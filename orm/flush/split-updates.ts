import type { ColumnMetadata, TableMetadata } from '../schema/metadata.ts'
import type { Primitive } from '../schema/wire-form.ts'
import { isInUniqueKey, type UniqueKey } from '../sql/unique-keys.ts'
import { awaitsKeys, type Change } from '../unit-of-work/change-set.ts'
import { referencesOf } from '../unit-of-work/commit-order.ts'
import { type Conflict, isChange, type Written } from './unique-conflicts.ts'
import type { Writing } from './writing.ts'

/**
 * Writes an update of each circle in two parts, so that an order exists: rows that exchange their unique values, or one
 * that takes the value of the deleted row that it leaves. In the first part, NULL is in the place of a unique value or
 * a foreign key where the column takes that.
 *
 * @returns the changes with their parts; undefined if nothing can be split
 */
export function splitUpdates(
  writing: Writing,
  changes: readonly Change[],
  circles: readonly (readonly Written[])[],
  conflicts: readonly Conflict[],
): readonly Change[] | undefined {
  const parts = new Map<Change, readonly [Change, Change]>()
  for (const circle of circles) {
    const members = new Set(circle)
    const freedBy = (change: Change): readonly UniqueKey[] =>
      conflicts
        .filter(
          ({ frees, takes, isPossible }) =>
            !isPossible &&
            frees.includes(change) &&
            takes.some((row) => row !== change && members.has(row)),
        )
        .map(({ key }) => key)
    const mayRelease = circle.some((row) => !isChange(row))
    for (const row of circle) {
      if (!isChange(row) || isPart(row, changes)) continue
      const split = splitUpdate(writing, row, freedBy(row), mayRelease)
      if (split === undefined) continue
      parts.set(row, split)
      break
    }
  }
  if (parts.size === 0) return undefined
  return changes.flatMap((change) => parts.get(change) ?? [change])
}

const firstParts = new WeakMap<Change, Change>()

/** The part of an update that is written before this one. */
export function firstPartOf(change: Change): Change | undefined {
  return firstParts.get(change)
}

function isPart(change: Change, changes: readonly Change[]): boolean {
  return changes.some((other) => other !== change && other.entity === change.entity)
}

/**
 * @param freed the keys of the unique values that it frees for others of the circle
 * @param mayRelease whether the row may have to leave a deleted one before that is possible
 */
function splitUpdate(
  writing: Writing,
  change: Change,
  freed: readonly UniqueKey[],
  mayRelease: boolean,
): readonly [Change, Change] | undefined {
  const { entity, table, snapshot, row, made } = change
  const places = awaitsKeys(change)
    ? change.places.filter((place) => !change.awaited.includes(place))
    : change.places
  const facts = writing.factsOf(table)
  const nullable = places.filter((place) => takesNull(writing, table, place))
  const unique = places.filter((place) => isInUniqueKey(table, facts, place))
  const left = nullable.filter((place) => mayRelease && row[place] !== null && refers(table, place))
  const late = new Set([...unique, ...left])
  const parked = nullable.filter((place) => left.includes(place) || isKeptFree(table, place, freed))
  const isFree =
    freed.length > 0 && freed.every((key) => parked.some((place) => key.places.has(place)))
  const early = places.filter((place) => !late.has(place) || parked.includes(place))
  if (early.length === 0 || late.size === 0 || !(isFree || mayRelease)) return undefined
  const between = row.slice()
  // A deferred column that was not read stays unread.
  for (const place of late) between[place] = snapshot[place] as Primitive
  for (const place of parked) between[place] = null
  const first = {
    entity,
    table,
    snapshot,
    row: between,
    places: early,
    made: made.filter(({ position }) => !late.has(position)),
  }
  const next = {
    ...change,
    snapshot: between,
    places: places.filter((place) => late.has(place)),
    made: made.filter(({ position }) => late.has(position)),
  }
  firstParts.set(next, first)
  return [first, next]
}

function takesNull(writing: Writing, table: TableMetadata, place: number): boolean {
  const { name, nullable } = table.columns[place] as ColumnMetadata
  return nullable && writing.factsOf(table).known?.columns.get(name)?.isNotNull !== true
}

function refers(table: TableMetadata, place: number): boolean {
  return referencesOf(table).some(({ pairs }) => pairs.some(([{ position }]) => position === place))
}

/** Whether a row with NULL in the column is in none of these keys. */
function isKeptFree(table: TableMetadata, place: number, keys: readonly UniqueKey[]): boolean {
  const column = table.columns[place] as ColumnMetadata
  return keys.some((key) => !key.areNullsEqual && key.columns.includes(column))
}
