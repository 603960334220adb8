import type { Entity } from '../entity/entity.ts'
import { findState, stateOf } from '../entity/entity-state.ts'
import { joinTexts } from '../entity/identity.ts'
import { valueOf } from '../entity/property.ts'
import type { ColumnMetadata } from '../schema/metadata.ts'
import { keptOf, textOfKept } from '../schema/values.ts'
import type { Primitive, Row } from '../schema/wire-form.ts'
import { isInUniqueKey, type UniqueKey, uniqueKeysOf } from '../sql/unique-keys.ts'
import { cascadesBelow } from './cascading.ts'
import type { Change, ChangeSet } from '../unit-of-work/change-set.ts'
import { byTable, changesByTable } from './tables.ts'
import type { Writing } from './writing.ts'

/** A row of a flush: a new or deleted entity, or a change. */
export type Written = Entity | Change

/** Rows that free a unique value, and those that take it. A row may do both. */
export interface Conflict {
  readonly key: UniqueKey
  readonly frees: readonly Written[]
  readonly takes: readonly Written[]
  /** Whether the session knows only that PostgreSQL may refuse the one while the other is there. */
  readonly isPossible: boolean
}

const none: readonly Conflict[] = []

/** A value that the session does not know: that of a deferred column that was not read. */
const unread: unique symbol = Symbol('unread')

/**
 * The unique values that rows of a flush free and others take. Values that only look equal, or that the session does not
 * know, are conflicts too: they cost an order, and nothing else.
 */
export function conflictsOf(writing: Writing, changes: ChangeSet): readonly Conflict[] {
  const { added, changed, deleted } = changes
  if (deleted.length === 0 && changed.length === 0) return none
  const touching = changed.length === 0 ? changed : touchingChanges(writing, changed)
  if (deleted.length === 0 && touching.length === 0) return none
  if (added.length === 0 && touching.length === 0) return none
  const conflicts: Conflict[] = []
  const removed = Map.groupBy(removals(writing, deleted), ({ row }) => stateOf(row).table)
  const inserted = byTable(added)
  const updated = changesByTable(touching)
  for (const table of new Set([...removed.keys(), ...updated.keys()])) {
    const deletions = removed.get(table) ?? []
    const additions = inserted.get(table) ?? []
    const updates = updated.get(table) ?? []
    if (additions.length === 0 && updates.length === 0) continue
    for (const key of uniqueKeysOf(table, writing.factsOf(table)))
      findConflicts(conflicts, key, deletions, additions, updates)
  }
  return conflicts
}

/** A row that is deleted, and the deleted entity that it goes with: itself, or one above it. */
interface Removal {
  readonly row: Entity
  readonly deleted: Entity
}

/** The rows that go with deleted ones, as far as the session holds them. */
function removals(writing: Writing, deleted: readonly Entity[]): readonly Removal[] {
  if (deleted.length === 0) return []
  const { held } = cascadesBelow(writing, new Set(byTable(deleted).keys()))
  const own = deleted.map((entity): Removal => ({ row: entity, deleted: entity }))
  if (held.size === 0) return own
  const found = new Map(own.map((removal) => [removal.row, removal]))
  // The map grows while it is walked.
  for (const { row, deleted: root } of found.values())
    for (const child of held.get(row) ?? [])
      if (!found.has(child)) found.set(child, { row: child, deleted: root })
  return [...found.values()]
}

/** The changes that touch a unique key. */
function touchingChanges(writing: Writing, changes: readonly Change[]): readonly Change[] {
  let last: Change | undefined
  let isTouching = false
  return changes.filter((change) => {
    // Changes of the same columns share their places.
    if (change.places !== last?.places || change.table !== last.table)
      isTouching = change.places.some((place) =>
        isInUniqueKey(change.table, writing.factsOf(change.table), place),
      )
    last = change
    return isTouching
  })
}

function touches({ places }: Change, key: UniqueKey): boolean {
  return places.some((place) => key.places.has(place))
}

function findConflicts(
  conflicts: Conflict[],
  key: UniqueKey,
  deletions: readonly Removal[],
  additions: readonly Entity[],
  updates: readonly Change[],
): void {
  const moved = updates.filter((change) => touches(change, key))
  const put = (
    frees: readonly Written[],
    takes: readonly Written[],
    isPossible: boolean = false,
  ): void => {
    if (frees.length > 0 && takes.length > 0 && !isSelf(frees, takes))
      conflicts.push({ key, frees, takes, isPossible })
  }
  if (key.isHazy) {
    put([...new Set(deletions.map((each) => each.deleted))], [...additions, ...moved], true)
    put(moved, additions, true)
  }
  if (key.isExclusion) return
  const freed = byValue([
    ...deletions.map(({ row, deleted }) => valued(deleted, key, storedIn(stateOf(row).snapshot))),
    ...moved.map((change) => valued(change, key, storedIn(change.snapshot))),
  ])
  if (freed.size === 0) return
  const taken = byValue([
    ...additions.map((entity) => valued(entity, key, (column) => keptOfNew(entity, column))),
    ...moved.map((change) => valued(change, key, storedIn(change.row))),
  ])
  const conflict = (frees: readonly Written[], takes: readonly Written[]): void => {
    if (key.isImmediate) return put(frees, takes)
    // PostgreSQL may check the updates of one statement at its end.
    put(frees.filter(isEntity), takes)
    put(frees.filter(isChange), takes.filter(isEntity))
  }
  for (const [value, takes] of taken)
    conflict(value === unread ? [...freed.values()].flat() : (freed.get(value) ?? []), takes)
  taken.delete(unread)
  conflict(freed.get(unread) ?? [], [...taken.values()].flat())
}

type Value = string | typeof unread | undefined

function byValue(
  rows: readonly (readonly [Written, Value])[],
): Map<string | typeof unread, Written[]> {
  const found = new Map<string | typeof unread, Written[]>()
  for (const [row, value] of rows) {
    if (value === undefined) continue
    const same = found.get(value)
    if (same === undefined) found.set(value, [row])
    else same.push(row)
  }
  return found
}

function valued(
  row: Written,
  key: UniqueKey,
  keptOfColumn: KeptOfColumn,
): readonly [Written, Value] {
  return [row, valueFrom(key, keptOfColumn)]
}

function isSelf(
  [one, ...more]: readonly Written[],
  [other, ...others]: readonly Written[],
): boolean {
  return one === other && more.length === 0 && others.length === 0
}

export function isChange(row: Written): row is Change {
  return findState(row) === undefined
}

function isEntity(row: Written): row is Entity {
  return !isChange(row)
}

/** What a new entity has in a column; undefined if the database or another row gives it. */
function keptOfNew(entity: Entity, column: ColumnMetadata): Primitive | undefined {
  let value = valueOf(entity, column)
  if (value !== undefined) return keptOf(column, value)
  for (const [{ pairs }, target] of stateOf(entity).references ?? [])
    for (const [local, remote] of pairs) if (local === column) value ??= valueOf(target, remote)
  return value === undefined ? undefined : keptOf(column, value)
}

type KeptOfColumn = (column: ColumnMetadata) => Primitive | typeof unread | undefined

/** What is kept in a row. */
function storedIn(row: Row | undefined): KeptOfColumn {
  return ({ position }) => {
    const kept = row?.[position]
    return kept === undefined ? unread : kept
  }
}

/**
 * A text that is equal for values that PostgreSQL may call equal; undefined for those that conflict with none.
 * `unread` if the session does not know a part of it.
 */
function valueFrom({ columns, areNullsEqual }: UniqueKey, keptOfColumn: KeptOfColumn): Value {
  const texts: string[] = []
  let isUnread = false
  for (const column of columns) {
    const kept = keptOfColumn(column)
    if (kept === undefined || (kept === null && !areNullsEqual)) return undefined
    if (kept === unread) isUnread = true
    else texts.push(kept === null ? 'null' : `=${looseText(textOfKept(column, kept) as string)}`)
  }
  return isUnread ? unread : joinTexts(texts)
}

// citext and some collations ignore case, char(n) ignores blanks, numeric ignores zeros at the end.
function looseText(text: string): string {
  const plain = text.toLowerCase().trimEnd()
  const number = Number(plain)
  return plain === '' || Number.isNaN(number) ? plain : String(number)
}
