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

  const visit = (node: T): void => {
    const index = indices.size
    indices.set(node, index)
    lowest.set(node, index)
    stack.push(node)
    onStack.add(node)
    for (const next of dependenciesOf(node)) {
      if (!known.has(next)) continue
      if (!indices.has(next)) visit(next)
      if (onStack.has(next))
        lowest.set(node, Math.min(lowest.get(node) ?? index, lowest.get(next) ?? index))
    }
    if (lowest.get(node) !== index) return
    const group = stack.splice(stack.indexOf(node))
    for (const member of group) onStack.delete(member)
    groups.push(group)
  }

  for (const node of known) if (!indices.has(node)) visit(node)
  return groups
}
