import type { Entity } from '../entity/entity.ts'
import { stateOf } from '../entity/entity-state.ts'
import { keyNow } from '../entity/identity.ts'
import type { TableMetadata } from '../schema/metadata.ts'
import { type Change, type ChangeSet, awaitsKeys } from '../unit-of-work/change-set.ts'
import { commitOrder } from '../unit-of-work/commit-order.ts'
import { heldTarget, keyIn, type KnownReference, knownReferences, remotesOf } from './references.ts'
import { byKeys, deleteOrder, insertOrder, storedKeyOf } from './row-order.ts'
import { firstPartOf } from './split-updates.ts'
import { type Conflict, isChange, type Written } from './unique-conflicts.ts'
import type { Writing } from './writing.ts'

/** Between the rows that free a unique value and those that take it: two long lists have too many pairs. */
class Meeting {
  readonly isMeeting = true
}

/** A row of a flush, or a {@link Meeting}. */
export type Node = Written | Meeting

/** Why a row comes after another one. */
type Reason = 'order' | 'possible conflict' | 'conflict'

const none: ReadonlyMap<Node, Reason> = new Map()

/** Which rows of a flush have to be written before others. */
export class WriteOrder {
  readonly #nodes: readonly Node[]
  readonly #writing: Writing
  readonly #deleted: ReadonlySet<Entity>
  readonly #isNew: ReadonlySet<Written>
  /** For each row those before it. */
  readonly #before = new Map<Node, Map<Node, Reason>>()
  /** The references of tables over which rows go with others that the session holds. */
  readonly #held = new Map<TableMetadata, readonly KnownReference[]>()

  constructor(writing: Writing, changes: ChangeSet, conflicts: readonly Conflict[]) {
    const { added, changed, deleted } = changes
    this.#writing = writing
    this.#deleted = new Set(deleted)
    this.#isNew = new Set(added)
    for (const [entity, others] of insertOrder(added))
      for (const other of others) this.#put(other, entity, 'order')
    for (const [entity, others] of deleteOrder(deleted, writing.factsOf))
      for (const other of others) this.#put(other, entity, 'order')
    this.#orderChanges(changed, added)
    const meetings = conflicts.flatMap((conflict) => this.#putConflict(conflict))
    this.#nodes = [...added, ...changed, ...deleted, ...meetings]
    for (const change of changed) {
      const first = firstPartOf(change)
      if (first !== undefined) this.#put(first, change, 'conflict')
      if (awaitsKeys(change))
        for (const target of stateOf(change.entity).references?.values() ?? [])
          if (this.#isNew.has(target as Entity)) this.#put(target as Entity, change, 'order')
    }
  }

  /** The rows, those that depend on each other in one group, and each group after those before it. */
  groups(): readonly (readonly Node[])[] {
    const groups = this.#grouped()
    return this.#dropPossible(groups) ? this.#grouped() : groups
  }

  #grouped(): readonly (readonly Node[])[] {
    return commitOrder(this.#nodes, (node) => this.before(node))
  }

  /** @returns whether a conflict that is only possible was in a circle */
  #dropPossible(groups: readonly (readonly Node[])[]): boolean {
    let hasDropped = false
    for (const group of groups) {
      if (group.length === 1) continue
      const members = new Set(group)
      for (const node of group) {
        const before = this.#before.get(node)
        for (const [other, reason] of before ?? none) {
          if (reason !== 'possible conflict' || !members.has(other)) continue
          before?.delete(other)
          hasDropped = true
        }
      }
    }
    return hasDropped
  }

  before(node: Node): Iterable<Node> {
    return (this.#before.get(node) ?? none).keys()
  }

  /** Whether the first frees a unique value for the second. */
  isConflict(frees: Node, takes: Node): boolean {
    return (this.#before.get(takes)?.get(frees) ?? 'order') !== 'order'
  }

  /** Whether a row of a group frees a unique value for another one. */
  hasConflict(group: readonly Node[]): boolean {
    const members = new Set(group)
    return group.some((node) => {
      for (const [other, reason] of this.#before.get(node) ?? none)
        if (reason !== 'order' && members.has(other)) return true
      return false
    })
  }

  /** Forgets the unique values that the rows of a group free for each other. */
  forget(group: readonly Node[]): void {
    const members = new Set(group)
    for (const node of group) {
      const before = this.#before.get(node)
      for (const other of before?.keys() ?? []) if (members.has(other)) before?.set(other, 'order')
    }
  }

  /** What the rows that free a unique value have in common: their table, and how they are written. */
  earlyKinds(): ReadonlySet<string> {
    const early = new Set<Node>()
    for (const before of this.#before.values())
      for (const [node, reason] of before) if (reason !== 'order') early.add(node)
    const kinds = new Set<string>()
    for (const node of early)
      for (const row of isRow(node) ? [node] : this.before(node))
        if (isRow(row)) kinds.add(this.kindOf(row))
    return kinds
  }

  kindOf(row: Written): string {
    if (isChange(row)) return `update ${row.table.id}`
    return `${this.#isNew.has(row) ? 'insert' : 'delete'} ${stateOf(row).table.id}`
  }

  #put(first: Node, next: Node, reason: Reason): void {
    const before = this.#before.get(next)
    if (before === undefined) this.#before.set(next, new Map([[first, reason]]))
    else if (weightOf(reason) >= weightOf(before.get(first))) before.set(first, reason)
  }

  #putConflict({ frees, takes, isPossible }: Conflict): readonly Meeting[] {
    const reason = isPossible ? 'possible conflict' : 'conflict'
    const [freeing, taking] = [new Set(frees), new Set(takes)]
    const both = frees.filter((row) => taking.has(row))
    return [
      ...this.#connect(
        frees.filter((row) => !taking.has(row)),
        takes,
        reason,
      ),
      ...this.#connect(
        both,
        takes.filter((row) => !freeing.has(row)),
        reason,
      ),
      ...this.#connect(both.length > 1 ? both : [], both, reason),
    ]
  }

  #connect(
    frees: readonly Written[],
    takes: readonly Written[],
    reason: Reason,
  ): readonly Meeting[] {
    const [first, ...others] = frees
    if (first === undefined || takes.length === 0) return []
    const meetings = others.length === 0 ? [] : [new Meeting()]
    for (const meeting of meetings) for (const row of frees) this.#put(row, meeting, 'order')
    for (const row of takes) this.#put(meetings[0] ?? first, row, reason)
    return meetings
  }

  /** An update comes after the new rows that it refers to, and before the deletion of rows that it has referred to. */
  #orderChanges(changed: readonly Change[], added: readonly Entity[]): void {
    const newByTable = Map.groupBy(added, (entity) => stateOf(entity).table)
    const deletedByTable = Map.groupBy(this.#deleted, (entity) => stateOf(entity).table)
    for (const [table, changes] of Map.groupBy(changed, ({ table }) => table)) {
      for (const reference of this.#references(table, newByTable.keys())) {
        const rows = byKeys(newByTable.get(reference.target) ?? [], remotesOf(reference), keyNow)
        for (const change of changes) {
          const target = rows.get(keyIn(change.row, reference))
          if (target !== undefined) this.#put(target, change, 'order')
        }
      }
      for (const reference of this.#references(table, deletedByTable.keys())) {
        const rows = byKeys(
          deletedByTable.get(reference.target) ?? [],
          remotesOf(reference),
          storedKeyOf,
        )
        for (const change of changes) {
          const target = rows.get(keyIn(change.snapshot, reference))
          if (target !== undefined && needsRow(change, reference))
            this.#put(change, target, 'order')
        }
      }
      for (const change of changes) this.#orderVanishing(change)
    }
  }

  /** An update of a row that goes with a deleted one, over others that the session holds, comes before. */
  #orderVanishing(change: Change): void {
    const { identity } = this.#writing.work
    const seen = new Set<Entity>()
    const path = [{ table: change.table, row: change.row }]
    // The list grows while it is walked: not by recursion, since a chain may be longer than the stack.
    for (const { table, row } of path)
      for (const reference of this.#heldReferences(table)) {
        const parent = heldTarget(identity, keyIn(row, reference), reference)
        if (parent === undefined || seen.has(parent)) continue
        seen.add(parent)
        if (this.#deleted.has(parent)) this.#put(change, parent, 'order')
        else path.push({ table: reference.target, row: stateOf(parent).snapshot ?? [] })
      }
  }

  #heldReferences(table: TableMetadata): readonly KnownReference[] {
    let references = this.#held.get(table)
    if (references === undefined) {
      references = this.#references(table, this.#writing.work.identity.tables()).filter(
        ({ action }) => action === 'cascade',
      )
      this.#held.set(table, references)
    }
    return references
  }

  #references(table: TableMetadata, targets: Iterable<TableMetadata>): readonly KnownReference[] {
    return knownReferences(this.#writing.factsOf, table, targets)
  }
}

/** Whether the change comes too late when the row that it has referred to is deleted. */
function needsRow({ places }: Change, { pairs, action }: KnownReference): boolean {
  return action === 'cascade' || pairs.some(([{ position }]) => places.includes(position))
}

/** Rows only, without the meetings between them. */
export function isRow(node: Node): node is Written {
  return !(node instanceof Meeting)
}

const weights: readonly (Reason | undefined)[] = [
  undefined,
  'order',
  'possible conflict',
  'conflict',
]

function weightOf(reason: Reason | undefined): number {
  return weights.indexOf(reason)
}
