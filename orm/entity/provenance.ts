import type { Entity } from './entity.ts'
import { type Provenance, stateOf } from './entity-state.ts'
import type { RelationMetadata, TableMetadata } from '../schema/metadata.ts'

export function provenanceOf(entity: object): Provenance | undefined {
  return stateOf(entity).provenance
}

/** The rows of a query are a list, whatever its length; one that asks for a single row gives none. */
export function listProvenance(root: TableMetadata, size: number): Provenance {
  return { list: { root, steps: [], size }, path: [] }
}

/**
 * Where entities came from that a relation of another one gave: from its list, one step further. The
 * many rows of an entity that was read on its own are a list themselves.
 */
export function relatedProvenance(
  owner: Provenance | undefined,
  relation: RelationMetadata,
  size: number,
): Provenance | undefined {
  if (owner !== undefined) return { list: owner.list, path: [...owner.path, relation] }
  if (relation.cardinality === 'one') return undefined
  return { list: { root: relation.owner, steps: [relation], size }, path: [] }
}

/** The newest list wins; what is read on its own leaves an entity the list that it came from. */
export function mark(entities: readonly Entity[], provenance: Provenance | undefined): void {
  if (provenance === undefined) return
  for (const entity of entities) stateOf(entity).provenance = provenance
}
