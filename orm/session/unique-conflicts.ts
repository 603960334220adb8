import type { Entity } from '../entity/entity.ts'
import { findState, stateOf } from '../entity/entity-state.ts'
import { joinTexts } from '../entity/identity.ts'
import { valueOf } from '../entity/property.ts'
import type { ColumnMetadata } from '../schema/metadata.ts'
import { keptOf, textOfKept } from '../schema/values.ts'
import type { Primitive, Row } from '../schema/wire-form.ts'
import { type UniqueKey, uniqueKeysOf } from '../sql/unique-keys.ts'
import type { Change, ChangeSet } from './change-set.ts'
import { byTable, changesByTable } from './tables.ts'
import type { Writing } from './writing.ts'

/** A row of a flush: a new or deleted entity, or a change. */
export type Written = Entity | Change

/** A row frees a unique value that another one takes. */
export interface Conflict {
  readonly frees: Written
  readonly takes: Written
  readonly key: UniqueKey
}

const none: readonly Conflict[] = []

/** A value that the session does not know: that of a deferred column that was not read. */
const unread: unique symbol = Symbol('unread')

/**
 * The unique values that one row of a flush frees and another one takes. Values that only look equal, or that the
 * session does not know, are conflicts too: they cost an order, and nothing else.
 */
export function conflictsOf(writing: Writing, changes: ChangeSet): readonly Conflict[] {
  const { added, changed, deleted } = changes
  if (deleted.length === 0 && changed.length === 0) return none
  const touching = changed.length === 0 ? changed : touchingChanges(writing, changed)
  if (deleted.length === 0 && touching.length === 0) return none
  if (added.length === 0 && touching.length === 0) return none
  const conflicts: Conflict[] = []
  const [removed, inserted] = [byTable(deleted), byTable(added)]
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

/** The changes that touch a unique key. */
function touchingChanges(writing: Writing, changes: readonly Change[]): readonly Change[] {
  let last: Change | undefined
  let isTouching = false
  return changes.filter((change) => {
    // Changes of the same columns share their places.
    if (change.places !== last?.places || change.table !== last.table)
      isTouching = uniqueKeysOf(change.table, writing.factsOf(change.table)).some((key) =>
        touches(change, key),
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
  deletions: readonly Entity[],
  additions: readonly Entity[],
  updates: readonly Change[],
): void {
  const freed = new Map<string | typeof unread, Written[]>()
  const free = (row: Written, value: string | typeof unread | undefined): void => {
    if (value === undefined) return
    const rows = freed.get(value)
    if (rows === undefined) freed.set(value, [row])
    else rows.push(row)
  }
  const moved = updates.filter((change) => touches(change, key))
  for (const entity of deletions)
    free(
      entity,
      valueFrom(key, ({ position }) => knownOf(stateOf(entity).snapshot, position)),
    )
  for (const change of moved)
    free(
      change,
      valueFrom(key, ({ position }) => knownOf(change.snapshot, position)),
    )
  if (freed.size === 0) return
  const take = (takes: Written, value: string | typeof unread | undefined): void => {
    if (value === undefined) return
    const rows =
      value === unread
        ? [...freed.values()].flat()
        : [...(freed.get(value) ?? []), ...(freed.get(unread) ?? [])]
    for (const frees of rows)
      if (frees !== takes && isOrdered(key, frees, takes)) conflicts.push({ frees, takes, key })
  }
  for (const entity of additions)
    take(
      entity,
      valueFrom(key, (column) => keptOfNew(entity, column)),
    )
  for (const change of moved)
    take(
      change,
      valueFrom(key, ({ position }) => knownOf(change.row, position)),
    )
}

/** Whether one has to be written before the other. PostgreSQL may check the updates of one statement at its end. */
function isOrdered({ isImmediate }: UniqueKey, frees: Written, takes: Written): boolean {
  return isImmediate || !isChange(frees) || !isChange(takes)
}

export function isChange(row: Written): row is Change {
  return findState(row) === undefined
}

/** What a new entity has in a column; undefined if the database or another row gives it. */
function keptOfNew(entity: Entity, column: ColumnMetadata): Primitive | undefined {
  let value = valueOf(entity, column)
  if (value !== undefined) return keptOf(column, value)
  for (const [{ pairs }, target] of stateOf(entity).references ?? [])
    for (const [local, remote] of pairs) if (local === column) value ??= valueOf(target, remote)
  return value === undefined ? undefined : keptOf(column, value)
}

function knownOf(row: Row | undefined, position: number): Primitive | typeof unread {
  const kept = row?.[position]
  return kept === undefined ? unread : kept
}

/**
 * A text that is equal for values that PostgreSQL may call equal; undefined for those that conflict with none.
 * `unread` if the session does not know a part of it.
 */
function valueFrom(
  { columns, areNullsEqual }: UniqueKey,
  keptOfColumn: (column: ColumnMetadata) => Primitive | typeof unread | undefined,
): string | typeof unread | undefined {
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
