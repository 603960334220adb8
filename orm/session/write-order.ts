import type { Entity } from '../entity/entity.ts'
import { stateOf } from '../entity/entity-state.ts'
import { keyNow } from '../entity/identity.ts'
import type { TableMetadata } from '../schema/metadata.ts'
import type { Row } from '../schema/wire-form.ts'
import { type Change, type ChangeSet, awaitsKeys } from './change-set.ts'
import { keyIn, type KnownReference, knownReferences, remotesOf } from './references.ts'
import { byKeys, deleteOrder, insertOrder, storedKeyOf } from './row-order.ts'
import { firstPartOf } from './split-updates.ts'
import { type Conflict, isChange, type Written } from './unique-conflicts.ts'
import type { Writing } from './writing.ts'

const none: ReadonlyMap<Written, boolean> = new Map()

/** Which rows of a flush have to be written before others. */
export class WriteOrder {
  readonly rows: readonly Written[]
  readonly #writing: Writing
  readonly #deleted: ReadonlySet<Entity>
  readonly #isNew: ReadonlySet<Written>
  /** For each row those before it, and whether they free a unique value for it. */
  readonly #before = new Map<Written, Map<Written, boolean>>()
  /** The references of tables to others of which the session holds entities. */
  readonly #held = new Map<TableMetadata, readonly KnownReference[]>()

  constructor(writing: Writing, changes: ChangeSet, conflicts: readonly Conflict[]) {
    const { added, changed, deleted } = changes
    this.#writing = writing
    this.#deleted = new Set(deleted)
    this.#isNew = new Set(added)
    this.rows = [...added, ...changed, ...deleted]
    for (const [entity, others] of insertOrder(added))
      for (const other of others) this.#put(other, entity, false)
    const factsOf = (table: TableMetadata) => writing.factsOf(table)
    for (const [entity, others] of deleteOrder(deleted, factsOf))
      for (const other of others) this.#put(other, entity, false)
    this.#orderChanges(changed, added)
    for (const { frees, takes } of conflicts) this.#put(frees, takes, true)
    for (const change of changed) {
      const first = firstPartOf(change)
      if (first !== undefined) this.#put(first, change, true)
      if (awaitsKeys(change))
        for (const target of stateOf(change.entity).references?.values() ?? [])
          if (this.#isNew.has(target as Entity)) this.#put(target as Entity, change, false)
    }
  }

  before(row: Written): Iterable<Written> {
    return (this.#before.get(row) ?? none).keys()
  }

  /** Whether the first row frees a unique value for the second. */
  isConflict(frees: Written, takes: Written): boolean {
    return this.#before.get(takes)?.get(frees) === true
  }

  /** Whether a row of a group frees a unique value for another one. */
  hasConflict(group: readonly Written[]): boolean {
    const members = new Set(group)
    return group.some((row) => {
      for (const [other, isConflict] of this.#before.get(row) ?? none)
        if (isConflict && members.has(other)) return true
      return false
    })
  }

  /** Forgets the unique values that the rows of a group free for each other. */
  forget(group: readonly Written[]): void {
    const members = new Set(group)
    for (const row of group) {
      const before = this.#before.get(row)
      for (const [other, isConflict] of before ?? none)
        if (isConflict && members.has(other)) before?.set(other, false)
    }
  }

  /** What the rows that free a unique value have in common: their table, and how they are written. */
  earlyKinds(): ReadonlySet<string> {
    const kinds = new Set<string>()
    for (const before of this.#before.values())
      for (const [row, isConflict] of before) if (isConflict) kinds.add(this.kindOf(row))
    return kinds
  }

  kindOf(row: Written): string {
    if (isChange(row)) return `update ${row.table.id}`
    return `${this.#isNew.has(row) ? 'insert' : 'delete'} ${stateOf(row).table.id}`
  }

  #put(first: Written, next: Written, isConflict: boolean): void {
    const before = this.#before.get(next)
    if (before === undefined) this.#before.set(next, new Map([[first, isConflict]]))
    else before.set(first, isConflict || before.get(first) === true)
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
          if (target !== undefined) this.#put(target, change, false)
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
          if (target !== undefined && needsRow(change, reference)) this.#put(change, target, false)
        }
      }
      for (const change of changes) this.#orderVanishing(change, table, change.row, new Set())
    }
  }

  /** An update of a row that goes with a deleted one, over others that the session holds, comes before. */
  #orderVanishing(change: Change, table: TableMetadata, row: Row, seen: Set<Entity>): void {
    const { identity } = this.#writing.work
    let references = this.#held.get(table)
    if (references === undefined)
      this.#held.set(table, (references = this.#references(table, identity.tables())))
    for (const reference of references) {
      const { target, pairs, action } = reference
      const isByKey = pairs.every(([, remote]) => remote.primaryKey)
      if (action !== 'cascade' || !isByKey || pairs.length !== target.primaryKey.length) continue
      const parent = identity.get(target, keyIn(row, inKeyOrder(reference)) ?? null)
      if (parent === undefined || seen.has(parent)) continue
      seen.add(parent)
      if (this.#deleted.has(parent)) this.#put(change, parent, false)
      else this.#orderVanishing(change, target, stateOf(parent).snapshot ?? [], seen)
    }
  }

  #references(table: TableMetadata, targets: Iterable<TableMetadata>): readonly KnownReference[] {
    return knownReferences((one) => this.#writing.factsOf(one), table, targets)
  }
}

/** Whether the change comes too late when the row that it has referred to is deleted. */
function needsRow({ places }: Change, { pairs, action }: KnownReference): boolean {
  return action === 'cascade' || pairs.some(([{ position }]) => places.includes(position))
}

/** The same reference with its pairs in the order of the primary key, as identities are made. */
function inKeyOrder({ pairs, target }: KnownReference): Pick<KnownReference, 'pairs'> {
  const order = (column: (typeof pairs)[number][1]): number => target.primaryKey.indexOf(column)
  return { pairs: pairs.toSorted(([, one], [, other]) => order(one) - order(other)) }
}
