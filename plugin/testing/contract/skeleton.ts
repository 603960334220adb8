import type { Lookup, SortOrder, StatementPlan } from './contract.ts'
import { columnsIn, sortColumn } from './expressions.ts'
import { isScan, nodesOf, type PlanNode } from './plan-node.ts'
import type { Reference } from './references.ts'

/** The plans of one statement, each under settings that leave PostgreSQL one choice. See explain.ts. */
export interface Plans {
  /** Only by conditions that an index serves. */
  readonly lookup: PlanNode
  /** Without indexes: it has to sort where rows are wanted in an order. */
  readonly sorted: PlanNode
  /** Without sorting, where an index gives the order. */
  readonly ordered: PlanNode
}

/** Partitions, and their indexes, by the names of what they are part of. */
export type NameOf = (name: string) => string

/** What the catalogue knows beside the plans. */
export interface Facts {
  readonly nameOf: NameOf
  /** The foreign keys to tables from which rows are deleted. */
  readonly references: readonly Reference[]
}

/** What stays of the plans of a statement when tables grow and statistics change. */
export function skeletonOf(plans: Plans, { nameOf, references }: Facts): StatementPlan {
  const nodes = nodesOf(plans.lookup)
  const ofKeys = nodes.flatMap((node) => checksOf(node, references))
  const lookups = unique([...lookupsIn(plans.lookup, nameOf), ...ofKeys])
  const orders = unique(ordersIn(plans, nameOf))
  const conflicts = nodes.flatMap((node) => node['Conflict Arbiter Indexes'] ?? [])
  return {
    ...(lookups.length > 0 && { lookups }),
    ...(orders.length > 0 && { orders }),
    ...(conflicts.length > 0 && { conflicts: conflicts.map(nameOf).toSorted() }),
  }
}

/** @param joinFilters the conditions of joins of which this is the inner side, and that PostgreSQL checks for each pair */
function lookupsIn(node: PlanNode, nameOf: NameOf, joinFilters: readonly string[] = []): Lookup[] {
  if (isScan(node)) {
    const below = (node.Plans ?? []).filter((each) => each['Index Name'] === undefined)
    return [
      ...lookupsOf(node, joinFilters, nameOf),
      ...below.flatMap((each) => lookupsIn(each, nameOf)),
    ]
  }
  const own = [node['Join Filter'], node['Hash Cond'], node['Merge Cond']].filter(
    (condition) => condition !== undefined,
  )
  return (node.Plans ?? []).flatMap((child) => {
    const isSub = /^(?:SubPlan|InitPlan)$/.test(child['Parent Relationship'] ?? '')
    const isInner = child['Parent Relationship'] === 'Inner'
    return lookupsIn(child, nameOf, isSub ? [] : isInner ? [...joinFilters, ...own] : joinFilters)
  })
}

/** PostgreSQL looks for rows that refer to what is deleted. Plans do not show it. */
function checksOf(node: PlanNode, references: readonly Reference[]): Lookup[] {
  if (node.Operation !== 'Delete') return []
  return references
    .filter((each) => each.toName === node['Relation Name'] && each.toSchema === node.Schema)
    .map(({ name, columns, index }) => ({ table: name, columns, index }))
}

/** How one scan chooses rows: by indexes, or by looking at all. */
function lookupsOf(node: PlanNode, joinFilters: readonly string[], nameOf: NameOf): Lookup[] {
  const { Alias: alias = '', Filter: filter } = node
  const table = nameOf(node['Relation Name'] ?? '')
  const served = indexNodes(node).flatMap((each): Lookup[] => {
    const { 'Index Cond': condition, 'Index Name': index } = each
    if (condition === undefined || index === undefined) return []
    return [{ table, columns: columnsIn(condition, alias).join(', '), index: nameOf(index) }]
  })
  if (served.length > 0) return served
  const conditions = [filter, ...joinFilters].filter((each) => each !== undefined)
  const columns = unique(conditions.flatMap((each) => columnsIn(each, alias)))
  return columns.length === 0 ? [] : [{ table, columns: columns.join(', '), index: null }]
}

/** The node itself, and the index scans below a bitmap scan. */
function indexNodes(node: PlanNode): PlanNode[] {
  const children = (node.Plans ?? []).filter(({ 'Node Type': type }) => type.startsWith('Bitmap'))
  return [node, ...children.flatMap(indexNodes)]
}

function ordersIn({ sorted, ordered }: Plans, nameOf: NameOf): SortOrder[] {
  const remaining = sortsIn(ordered, nameOf).map(({ by }) => by)
  const nodes = nodesOf(ordered)
  const isHashed = nodes.some(({ Strategy: strategy }) => strategy === 'Hashed')
  return sortsIn(sorted, nameOf).map(({ by, alias }) => {
    const scan = nodes.find((node) => isScanOf(node, alias))
    const index = scan?.['Index Name']
    const isServed = index !== undefined && !isHashed && !remaining.includes(by)
    return { by, index: isServed ? nameOf(index) : null }
  })
}

/** Whether the node reads a table, or a partition of it. */
function isScanOf(node: PlanNode, alias: string): boolean {
  const { Alias: own = '' } = node
  if (!isScan(node) || !own.startsWith(alias)) return false
  return own === alias || /^_\d+$/.test(own.slice(alias.length))
}

interface Sort {
  readonly by: string
  readonly alias: string
}

/** The sorts of a plan by columns of tables. */
function sortsIn(plan: PlanNode, nameOf: NameOf): Sort[] {
  const nodes = nodesOf(plan)
  const named = ([alias, order]: readonly [string, string]): string | undefined => {
    const table = nodes.find((node) => isScanOf(node, alias))?.['Relation Name']
    return table === undefined ? undefined : `${nameOf(table)}.${order}`
  }
  return sortNodesOf(plan).flatMap(({ 'Sort Key': keys = [] }) => {
    const columns = keys.map(sortColumn)
    const [alias = ''] = columns[0] ?? []
    const names = columns.map((column) => column && named(column))
    return names.includes(undefined) ? [] : [{ by: names.join(', '), alias }]
  })
}

/** Without those that only serve a join: PostgreSQL chooses how it joins by the number of rows. */
function sortNodesOf(node: PlanNode, isJoined = false): PlanNode[] {
  const own = node['Sort Key'] !== undefined && !isJoined ? [node] : []
  const isJoin = /\b(?:Join|Nested Loop)$/.test(node['Node Type'])
  const isQuery = /^(?:Subquery Scan|Limit|LockRows)$/.test(node['Node Type'])
  return (node.Plans ?? []).reduce((found, child) => {
    const isSub = /^(?:SubPlan|InitPlan)$/.test(child['Parent Relationship'] ?? '')
    return [...found, ...sortNodesOf(child, !isSub && !isQuery && (isJoin || isJoined))]
  }, own)
}

function unique<T>(values: readonly T[]): T[] {
  return [...new Map(values.map((value) => [JSON.stringify(value), value])).values()]
}
