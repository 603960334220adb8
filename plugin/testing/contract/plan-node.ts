/** A node of a plan, as EXPLAIN (FORMAT JSON, VERBOSE) writes it. */
export interface PlanNode {
  readonly 'Node Type': string
  readonly 'Parent Relationship'?: string
  readonly Operation?: string
  readonly Strategy?: string
  readonly Schema?: string
  readonly 'Relation Name'?: string
  readonly Alias?: string
  readonly 'Index Name'?: string
  readonly 'Index Cond'?: string
  readonly Filter?: string
  readonly 'Join Filter'?: string
  readonly 'Hash Cond'?: string
  readonly 'Merge Cond'?: string
  readonly 'Sort Key'?: readonly string[]
  readonly 'Conflict Arbiter Indexes'?: readonly string[]
  readonly Plans?: readonly PlanNode[]
}

/** A node and those below it, the outer side of a join first. */
export function nodesOf(node: PlanNode): PlanNode[] {
  return [node, ...(node.Plans ?? []).flatMap(nodesOf)]
}

/** Whether the node reads rows of a table. */
export function isScan(node: PlanNode): boolean {
  return node['Relation Name'] !== undefined && node['Node Type'].endsWith('Scan')
}
