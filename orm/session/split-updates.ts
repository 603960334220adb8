import type { Primitive } from '../schema/wire-form.ts'
import { uniqueKeysOf } from '../sql/unique-keys.ts'
import { type Change, awaitsKeys } from './change-set.ts'
import { type Conflict, isChange, type Written } from './unique-conflicts.ts'
import type { Writing } from './writing.ts'

/**
 * Writes an update of each circle in two parts, so that an order exists: rows that exchange their unique values. The first
 * part leaves the value free (NULL) where the column takes that, and has all that does not touch unique keys.
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
    const own = conflicts.filter(({ frees, takes }) => members.has(frees) && members.has(takes))
    const mayRelease = circle.some((row) => !isChange(row))
    for (const row of circle) {
      if (!isChange(row) || isPart(row, changes)) continue
      const split = splitUpdate(writing, row, own, mayRelease)
      if (split === undefined) continue
      parts.set(row, split)
      break
    }
  }
  if (parts.size === 0) return undefined
  return changes.flatMap((change) => parts.get(change) ?? [change])
}

const firstParts = new WeakMap<Change, Change>()
const areFirst = new WeakSet<Change>()

/** Whether it is a part of an update, and the other part comes later. */
export function isFirstPart(change: Change): boolean {
  return areFirst.has(change)
}

/** The part of an update that is written before this one. */
export function firstPartOf(change: Change): Change | undefined {
  return firstParts.get(change)
}

function isPart(change: Change, changes: readonly Change[]): boolean {
  return changes.some((other) => other !== change && other.entity === change.entity)
}

/** @param mayRelease whether it helps to write what touches no unique key first: the row may refer to a deleted one */
function splitUpdate(
  writing: Writing,
  change: Change,
  conflicts: readonly Conflict[],
  mayRelease: boolean,
): readonly [Change, Change] | undefined {
  const { entity, table, snapshot, row, made } = change
  const places = awaitsKeys(change)
    ? change.places.filter((place) => !change.awaited.includes(place))
    : change.places
  const facts = writing.factsOf(table)
  const keys = uniqueKeysOf(table, facts)
  const unique = places.filter((place) => keys.some((key) => key.places.has(place)))
  const freed = conflicts.filter(({ frees }) => frees === change).map(({ key }) => key)
  const parked = unique.filter((place) => {
    const column = table.columns[place]
    const isNullable =
      column?.nullable === true && facts.known?.columns.get(column.name)?.isNotNull !== true
    return isNullable && freed.some((key) => !key.areNullsEqual && key.columns.includes(column))
  })
  const isFree =
    freed.length > 0 && freed.every((key) => parked.some((place) => key.places.has(place)))
  const others = places.filter((place) => !unique.includes(place))
  if (!isFree && !(mayRelease && others.length > 0)) return undefined
  const first = row.slice() as Primitive[]
  for (const place of unique) first[place] = snapshot[place] ?? null
  if (isFree) for (const place of parked) first[place] = null
  const before: Change = {
    entity,
    table,
    snapshot,
    row: first,
    places: isFree
      ? places.filter((place) => others.includes(place) || parked.includes(place))
      : others,
    made: made.filter(({ position }) => others.includes(position)),
  }
  const after: Change = {
    ...change,
    snapshot: first,
    places: unique,
    made: made.filter(({ position }) => unique.includes(position)),
  }
  firstParts.set(after, before)
  areFirst.add(before)
  return [before, after]
}
