import type { RelationMetadata, TableMetadata } from '../schema/metadata.ts'
import type { Entity } from './entity.ts'
import { type LazyRules, type Provenance, stateOf } from './entity-state.ts'

export function provenanceOf(entity: object): Provenance | undefined {
  return stateOf(entity).provenance
}

/**
 * The provenance of the rows of a query, which are a list, even if it has one row.
 *
 * @param members an array that nobody changes
 * @param readBy the operation that read them
 */
export function listProvenance(
  root: TableMetadata,
  members: readonly Entity[],
  { lazy, raised }: LazyRules,
  readBy: object | undefined,
): Provenance {
  const list = { root, steps: [], size: members.length, readBy }
  return { list, path: [], members: several(members), lazy, raised }
}

/**
 * The provenance of entities behind a relation: the list of the owner, one step further. If the owner was
 * read alone, its many rows are a new list. They have the mode of the owner's query.
 *
 * @param members an array that nobody changes
 * @param raised the relations of these entities that a loader refuses to load lazily
 * @param readBy the operation that read them
 */
export function relatedProvenance(
  owner: Provenance | undefined,
  relation: RelationMetadata,
  members: readonly Entity[],
  raised?: readonly RelationMetadata[],
  readBy?: object,
): Provenance | undefined {
  const rules = { members: several(members), lazy: owner?.lazy, raised }
  if (owner?.list !== undefined)
    return { list: owner.list, path: [...owner.path, relation], ...rules }
  if (relation.cardinality === 'many') {
    const list = { root: relation.owner, steps: [relation], size: members.length, readBy }
    return { list, path: [], ...rules }
  }
  const hasRules = rules.members !== undefined || rules.lazy !== undefined || raised !== undefined
  return hasRules ? { list: undefined, path: [], ...rules } : undefined
}

function several(members: readonly Entity[]): readonly Entity[] | undefined {
  return members.length > 1 ? members : undefined
}

/**
 * Sets the provenance of entities. The newest list wins. An entity that is read alone later keeps its
 * list and its peers. So does a member that a relation leads back to: paths do not grow from one member
 * to the next.
 */
export function mark(entities: readonly Entity[], provenance: Provenance | undefined): void {
  if (provenance === undefined) return
  for (const entity of entities) {
    const state = stateOf(entity)
    // Let go meanwhile: it must not keep the others alive.
    if (state.session === undefined) continue
    const known = state.provenance
    if (known === undefined) state.provenance = provenance
    else if (!isNearer(known, provenance)) state.provenance = renewed(known, provenance)
  }
}

/** Marks an entity that a query gave alone. */
export function markAlone(entity: Entity, { lazy, raised }: LazyRules): void {
  const known = provenanceOf(entity)
  if (known?.lazy === lazy && known?.raised === raised) return
  mark([entity], { list: undefined, path: [], members: undefined, lazy, raised })
}

/**
 * Makes peers of entities that were read by their keys with one statement.
 *
 * @param members an array that nobody changes
 */
export function markPeers(members: readonly Entity[]): void {
  if (members.length < 2) return
  const rules = { lazy: undefined, raised: undefined }
  const provenance: Provenance = { list: undefined, path: [], members, ...rules }
  for (const entity of members) stateOf(entity).provenance ??= provenance
}

function isNearer(known: Provenance, { list, path }: Provenance): boolean {
  return known.list === list && known.path.length < path.length
}

function renewed(known: Provenance, provenance: Provenance): Provenance {
  const { list, path } = provenance.list === undefined ? known : provenance
  const members = provenance.members ?? known.members
  if (list === provenance.list && members === provenance.members) return provenance
  return { ...provenance, list, path, members }
}
