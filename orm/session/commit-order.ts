import { type ColumnMetadata, referencedTable, type TableMetadata } from '../schema/metadata.ts'

/** The columns of a table that refer to rows, and the tables of those. */
export function foreignKeysOf(table: TableMetadata): ReadonlyMap<ColumnMetadata, TableMetadata> {
  const keys = new Map<ColumnMetadata, TableMetadata>()
  for (const column of table.columns) {
    const parent = referencedTable(table, column)
    if (parent !== undefined) keys.set(column, parent)
  }
  for (const { kind, foreignKey, target } of table.relations.values()) {
    if (kind === 'belongsTo') keys.set(foreignKey, target)
  }
  return keys
}

/** The tables that rows of this one refer to, itself among them where it does. */
export function parentsOf(table: TableMetadata): ReadonlySet<TableMetadata> {
  return new Set(foreignKeysOf(table).values())
}

/**
 * Groups of nodes such that each group comes after all that it depends on. Nodes that depend on each
 * other in a circle share a group (Tarjan's strongly connected components).
 */
export function commitOrder<T>(
  nodes: Iterable<T>,
  dependenciesOf: (node: T) => Iterable<T>,
): T[][] {
  const known = new Set(nodes)
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
