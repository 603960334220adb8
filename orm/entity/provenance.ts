import type { Entity } from './entity.ts'
import { type Provenance, stateOf } from './entity-state.ts'
import type { RelationMetadata, TableMetadata } from '../schema/metadata.ts'

export function provenanceOf(entity: object): Provenance | undefined {
  return stateOf(entity).provenance
}

/** The provenance of the rows of a query, which are a list, even if it has one row. */
export function listProvenance(root: TableMetadata, size: number): Provenance {
  return { list: { root, steps: [], size }, path: [] }
}

/**
 * The provenance of entities behind a relation: the list of the owner, one step further. If the owner was
 * read alone, its many rows are a new list.
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

/** Sets the provenance of entities. The newest list wins. An entity that is read alone later keeps its list. */
export function mark(entities: readonly Entity[], provenance: Provenance | undefined): void {
  if (provenance === undefined) return
  for (const entity of entities) stateOf(entity).provenance = provenance
}
