import type { ColumnPair } from '../schema/relation-metadata.ts'
import type { TableMetadata } from '../schema/metadata.ts'

/** A reference from a table to another one: a foreign key, declared or known from a relation. */
export interface Reference {
  readonly target: TableMetadata
  readonly pairs: readonly ColumnPair[]
}

const references = new WeakMap<TableMetadata, readonly Reference[]>()

export function referencesOf(table: TableMetadata): readonly Reference[] {
  let found = references.get(table)
  if (found === undefined) references.set(table, (found = findReferences(table)))
  return found
}

function findReferences(table: TableMetadata): readonly Reference[] {
  const declared = table.foreignKeys.map(({ target, columns, targetColumns }): Reference => ({
    target,
    pairs: columns.map((column, index) => [column, targetColumns[index] as typeof column]),
  }))
  const related = [...table.relations.values()].filter(({ holdsKey }) => holdsKey)
  return [...declared, ...related.filter((one) => !declared.some((other) => isSame(one, other)))]
}

function isSame(one: Reference, other: Reference): boolean {
  return (
    one.target === other.target &&
    one.pairs.length === other.pairs.length &&
    one.pairs.every(([local], index) => local === other.pairs[index]?.[0])
  )
}

const parents = new WeakMap<TableMetadata, ReadonlySet<TableMetadata>>()

/** The tables that this table refers to. It may refer to itself. */
export function parentsOf(table: TableMetadata): ReadonlySet<TableMetadata> {
  let found = parents.get(table)
  if (found === undefined)
    parents.set(table, (found = new Set(referencesOf(table).map(({ target }) => target))))
  return found
}

/**
 * Groups nodes so that each group comes after its dependencies. Nodes that depend on each other in a cycle
 * share a group (Tarjan's strongly connected components).
 */
export function commitOrder<T>(
  nodes: Iterable<T>,
  dependenciesOf: (node: T) => Iterable<T>,
): T[][] {
  const known = new Set(nodes)
  if (known.size < 2) return known.size === 0 ? [] : [[...known]]
  const indices = new Map<T, number>()
  const lowest = new Map<T, number>()
  const stack: T[] = []
  const onStack = new Set<T>()
  const groups: T[][] = []
  // A list in place of recursion: rows may refer to each other in chains of any length.
  const path: Visit<T>[] = []

  const enter = (node: T): void => {
    lowest.set(node, indices.size)
    indices.set(node, indices.size)
    stack.push(node)
    onStack.add(node)
    path.push({ node, rest: dependenciesOf(node)[Symbol.iterator]() })
  }
  const lower = (node: T, index: number): void => {
    if (index < (lowest.get(node) as number)) lowest.set(node, index)
  }
  const leave = (node: T): void => {
    if (lowest.get(node) !== indices.get(node)) return
    const group = stack.splice(stack.lastIndexOf(node))
    for (const member of group) onStack.delete(member)
    groups.push(group)
  }

  for (const first of known) {
    if (!indices.has(first)) enter(first)
    for (let visit = path.at(-1); visit !== undefined; visit = path.at(-1)) {
      const { done, value: next } = visit.rest.next()
      if (done === true) {
        path.pop()
        leave(visit.node)
        const parent = path.at(-1)
        if (parent !== undefined) lower(parent.node, lowest.get(visit.node) as number)
      } else if (known.has(next)) {
        if (!indices.has(next)) enter(next)
        else if (onStack.has(next)) lower(visit.node, indices.get(next) as number)
      }
    }
  }
  return groups
}

/** A node under way, and the dependencies that are left to visit. */
interface Visit<T> {
  readonly node: T
  readonly rest: Iterator<T>
}
