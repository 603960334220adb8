import type { LoadPlan } from './loader.ts'

/** A relation that is joined to the rows of a statement. */
export interface JoinNode {
  readonly plan: LoadPlan
  /** Its number, in the order of the tree, from 1. That of the statement's own rows is 0. */
  readonly index: number
  /** The number of its owners. */
  readonly parent: number
  /** How deep it is nested; 0 is directly below the statement's own rows. */
  readonly depth: number
  /** Where its rows repeat those of its owners: the nearest list around it, or 0. */
  readonly level: number
  /** Which list of its level it is, from 1; 0 if it leads to one row. */
  readonly branch: number
}

/** All relations that are joined to the rows of a statement. */
export interface JoinTree {
  readonly nodes: readonly JoinNode[]
  /** How many lists each level has, by its number. */
  readonly lists: ReadonlyMap<number, number>
}

const noJoins: JoinTree = Object.freeze({ nodes: [], lists: new Map<number, number>() })

/** The joins that loaders ask for. */
export function joinTree(plans: readonly LoadPlan[]): JoinTree {
  if (!plans.some(isJoined)) return noJoins
  const nodes: JoinNode[] = []
  const lists = new Map<number, number>()
  const add = (
    loaders: readonly LoadPlan[],
    parent: number,
    level: number,
    depth: number,
  ): void => {
    for (const plan of loaders.filter(isJoined)) {
      const index = nodes.length + 1
      const isMany = plan.relation.cardinality === 'many'
      const branch = isMany ? (lists.get(level) ?? 0) + 1 : 0
      if (isMany) lists.set(level, branch)
      nodes.push({ plan, index, parent, depth, level, branch })
      add(plan.loaders, index, isMany ? index : level, depth + 1)
    }
  }
  add(plans, 0, 0, 0)
  return { nodes, lists }
}

export function isJoined({ strategy }: LoadPlan): boolean {
  return strategy === 'joinedload'
}
