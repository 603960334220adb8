import type { Entity } from '../entity/entity.ts'
import type { Place } from '../entity/place.ts'
import type { Operation, RelationshipOperation } from '../observe/operation.ts'
import type { LoadContext } from './context.ts'
import { hiddenError, mayHide } from './hidden.ts'
import { isJoined, type JoinNode, joinTree, type JoinTree } from './join-tree.ts'
import type { JoinedNode } from './joined-entities.ts'
import { defaultsOf, type LoadPlan } from './loader.ts'
import { nearOf } from './near.ts'
import { fillWith, placeIn, type Step, stepsOf } from './step.ts'

/** Where the relations that are joined to the rows of a statement belong. */
export interface JoinedPlace {
  readonly place: Place
  readonly depth: number
  readonly parent: Operation | undefined
  /** Whether the statement locked its own rows. */
  readonly isLocked?: boolean
}

/**
 * The steps below the rows of a statement. Gives their joined relations to them first.
 *
 * @param nodes the rows of the statement and of its joins; empty if it has none
 */
export function stepsBelow(
  context: LoadContext,
  plans: readonly LoadPlan[],
  entities: readonly Entity[],
  nodes: readonly JoinedNode[],
  at: JoinedPlace,
): readonly Step[] {
  const others = plans.filter((plan) => !isJoined(plan))
  const steps = stepsOf(others, entities, at.place, at.depth)
  return nodes.length === 0 ? steps : [...steps, ...giveJoined(context, joinTree(plans), nodes, at)]
}

/**
 * Gives joined relations to their owners. Returns what is left to load: below them, by loaders with statements of their
 * own, and for owners whose keys are no longer those that were joined, since the session held them with others.
 */
function giveJoined(
  context: LoadContext,
  tree: JoinTree,
  nodes: readonly JoinedNode[],
  { place, depth: above, parent, isLocked = false }: JoinedPlace,
): readonly Step[] {
  const places: Place[] = [place]
  const steps: Step[] = []
  // As further statements would be sent: of two loaders that choose other rows of one relation, the deeper one counts.
  for (const node of tree.nodes.toSorted((one, other) => one.depth - other.depth)) {
    const { plan, index } = node
    const depth = above + node.depth
    const { found, moved } = matched(node, nodes, isLocked)
    const owners = [...found.keys()]
    const loaded = [...new Set([...found.values()].flatMap((each) => [...each]))]
    const operation: RelationshipOperation = {
      kind: 'relationship',
      strategy: 'joinedload',
      relation: plan.relation,
      owners,
      cacheHit: false,
      depth,
      parent,
    }
    const end = owners.length === 0 ? undefined : context.observer.operationStarted?.(operation)
    const isMany = plan.relation.cardinality === 'many'
    const isRequired = plan.where === undefined && mayHide(defaultsOf(context, plan), plan.relation)
    for (const [owner, entities] of found) {
      const [first = null] = entities
      if (isRequired && first === null && nearOf(plan.relation).identityOf(owner) !== undefined)
        throw hiddenError(plan.relation)
      fillWith(owner, plan, isMany ? [...entities] : first)
    }
    const at = places[node.parent] as Place
    places[index] = placeIn(context, at, owners, plan, loaded)
    end?.({ rows: loaded.length })
    steps.push(...stepsOf([plan], moved, at, depth))
    const rest = plan.loaders.filter((below) => !isJoined(below))
    steps.push(...stepsOf(rest, loaded, places[index], depth + 1))
  }
  return steps
}

interface Matched {
  /** The related entities of each owner, once each. */
  readonly found: ReadonlyMap<Entity, ReadonlySet<Entity>>
  /** Owners whose keys are no longer those that were joined. */
  readonly moved: readonly Entity[]
}

function matched(
  { plan, index, parent }: JoinNode,
  nodes: readonly JoinedNode[],
  isLocked: boolean,
): Matched {
  const above = nodes[parent] as JoinedNode
  const below = nodes[index] as JoinedNode
  const near = nearOf(plan.relation)
  const found = new Map<Entity, Set<Entity>>()
  const moved = new Set<Entity>()
  above.entities.forEach((owner, at) => {
    if (found.has(owner) || moved.has(owner)) return
    const row = above.rows[at] ?? []
    if (near.hasKey(owner, near.identityIn(row))) found.set(owner, new Set())
    else moved.add(owner)
  })
  below.entities.forEach((entity, at) => {
    const owner = above.entities[below.owners[at] as number] as Entity
    found.get(owner)?.add(entity)
  })
  // The lock may have waited for a change of the foreign key to a row that is newer than the statement.
  const { relation, where } = plan
  if (isLocked && parent === 0 && relation.holdsKey && where === undefined) {
    for (const [owner, entities] of found) {
      if (entities.size > 0 || near.identityOf(owner) === undefined) continue
      found.delete(owner)
      moved.add(owner)
    }
  }
  return { found, moved: [...moved] }
}
