import type { Entity } from './entity.ts'
import { type Origin, stateOf } from './entity-state.ts'
import type { RelationMetadata, TableMetadata } from '../schema/metadata.ts'

export function originOf(entity: object): Origin | undefined {
  return stateOf(entity).origin
}

/** The rows of a query are a list, whatever its length; one that asks for a single row gives none. */
export function listOrigin(root: TableMetadata, size: number): Origin {
  return { list: { root, steps: [], size }, path: [] }
}

/**
 * Where entities came from that a relation of another one gave: from its list, one step further. The
 * many rows of an entity that was read on its own are a list themselves.
 */
export function relatedOrigin(
  owner: Origin | undefined,
  relation: RelationMetadata,
  size: number,
): Origin | undefined {
  if (owner !== undefined) return { list: owner.list, path: [...owner.path, relation] }
  if (relation.cardinality === 'one') return undefined
  return { list: { root: relation.owner, steps: [relation], size }, path: [] }
}

/**
 * The newest list wins; what is read on its own leaves an entity the list that it came from. So does a
 * relation that leads back into its list: a member stays one, and paths do not grow from one to the next.
 */
export function mark(entities: readonly Entity[], origin: Origin | undefined): void {
  if (origin === undefined) return
  for (const entity of entities) {
    const state = stateOf(entity)
    if (!isNearer(state.origin, origin)) state.origin = origin
  }
}

function isNearer(known: Origin | undefined, origin: Origin): boolean {
  return known?.list === origin.list && known.path.length < origin.path.length
}
