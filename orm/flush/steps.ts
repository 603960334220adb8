import type { Entity } from '../entity/entity.ts'
import type { Change, ChangeSet } from '../unit-of-work/change-set.ts'
import { splitUpdates } from './split-updates.ts'
import { type Conflict, conflictsOf, type Written } from './unique-conflicts.ts'
import type { Writing } from './writing.ts'
import { isRow, type Node, WriteOrder } from './write-order.ts'

/** A part of a flush. */
export type Step = Pick<ChangeSet, 'added' | 'changed' | 'deleted'>

/**
 * The steps of a flush: each writes inserts, then updates, then deletes. There is one step, unless a row takes a unique
 * value that another row frees: then what frees it is in an earlier step.
 */
export function stepsOf(writing: Writing, changes: ChangeSet): readonly Step[] {
  const conflicts = conflictsOf(writing, changes)
  return conflicts.length === 0 ? [changes] : (ordered(writing, changes, conflicts) ?? [changes])
}

/** @returns undefined if updates that were split still have no order */
function ordered(
  writing: Writing,
  changes: ChangeSet,
  conflicts: readonly Conflict[],
  areSplit: boolean = false,
): readonly Step[] | undefined {
  const order = new WriteOrder(writing, changes, conflicts)
  const groups = order.groups()
  const circles = groups.filter((group) => group.length > 1 && order.hasConflict(group))
  if (circles.length > 0) {
    const rows = circles.map((circle) => circle.filter(isRow))
    const changed = splitUpdates(writing, changes.changed, rows, conflicts)
    if (changed !== undefined) {
      const split = { ...changes, changed }
      const steps = ordered(writing, split, conflictsOf(writing, split), true)
      if (steps !== undefined) return steps
    }
    if (areSplit) return undefined
    // No order helps. PostgreSQL decides, as it does without an order.
    for (const circle of circles) order.forget(circle)
  }
  const earliest = earliestSteps(order, groups)
  let last = 0
  for (const step of earliest.values()) last = Math.max(last, step)
  if (last === 0) return [changes]
  return asSteps(changes, latestSteps(order, groups, earliest, last), last)
}

type Steps = Map<Node, number>

function earliestSteps(order: WriteOrder, groups: readonly (readonly Node[])[]): Steps {
  const steps: Steps = new Map()
  for (const group of groups) {
    let step = 0
    for (const row of group)
      for (const other of order.before(row))
        step = Math.max(step, (steps.get(other) ?? 0) + (order.isConflict(other, row) ? 1 : 0))
    for (const row of group) steps.set(row, step)
  }
  return steps
}

/** Each row in its latest step, except that a table has as few deletes and updates as possible. */
function latestSteps(
  order: WriteOrder,
  groups: readonly (readonly Node[])[],
  earliest: Steps,
  last: number,
): Steps {
  const early = order.earlyKinds()
  const steps: Steps = new Map()
  const latest: Steps = new Map()
  for (const group of groups.toReversed()) {
    const isEarly = group.some((row) => isRow(row) && early.has(order.kindOf(row)))
    let step = last
    for (const row of group) step = Math.min(step, latest.get(row) ?? last)
    if (isEarly) step = earliest.get(group[0] as Node) ?? 0
    for (const row of group) {
      steps.set(row, step)
      for (const other of order.before(row)) {
        const limit = step - (order.isConflict(other, row) ? 1 : 0)
        latest.set(other, Math.min(latest.get(other) ?? last, limit))
      }
    }
  }
  return steps
}

function asSteps({ added, changed, deleted }: ChangeSet, steps: Steps, last: number): Step[] {
  const all = Array.from({ length: last + 1 }, () => ({
    added: [] as Entity[],
    changed: [] as Change[],
    deleted: [] as Entity[],
  }))
  const at = (row: Written): (typeof all)[number] => all[steps.get(row) ?? last] as (typeof all)[0]
  for (const entity of added) at(entity).added.push(entity)
  for (const change of changed) at(change).changed.push(change)
  for (const entity of deleted) at(entity).deleted.push(entity)
  return all
}
