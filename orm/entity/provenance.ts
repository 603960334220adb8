import type { RelationMetadata, TableMetadata } from '../schema/metadata.ts'
import type { Entity } from './entity.ts'
import { type LazyRules, type ListResult, type Provenance, stateOf } from './entity-state.ts'

const noPath: readonly RelationMetadata[] = []

// A longer one would not say more.
const longestPath = 32

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
    return { list: owner.list, path: further(owner.path, relation), ...rules }
  if (relation.cardinality === 'many') {
    const list = { root: relation.owner, steps: [relation], size: members.length, readBy }
    return { list, path: [], ...rules }
  }
  // Followed again and again, a relation to the own table is a chain.
  const path =
    relation.owner === relation.target ? further(owner?.path ?? noPath, relation) : noPath
  const hasRules = rules.members !== undefined || rules.lazy !== undefined || raised !== undefined
  return hasRules || path.length > 0 ? { list: undefined, path, ...rules } : undefined
}

function further(
  path: readonly RelationMetadata[],
  relation: RelationMetadata,
): readonly RelationMetadata[] {
  return path.length < longestPath ? [...path, relation] : path
}

/** The entities of one table that the program has made in a session: together they are like a list. */
class CreatedList implements ListResult {
  readonly root: TableMetadata
  readonly steps = noPath
  readonly readBy: undefined
  readonly isCreated = true
  size = 0

  constructor(root: TableMetadata) {
    this.root = root
  }
}

/** The provenance of what the program makes in one session. */
export class Creations {
  readonly #lists = new Map<TableMetadata, Provenance & { readonly list: CreatedList }>()

  /** The row of a new entity was written. */
  mark(entity: Entity): void {
    const state = stateOf(entity)
    if (state.provenance !== undefined) return
    const { table } = state
    let provenance = this.#lists.get(table)
    if (provenance === undefined) {
      const list = new CreatedList(table)
      const rules = { members: undefined, lazy: undefined, raised: undefined }
      this.#lists.set(table, (provenance = { list, path: noPath, ...rules }))
    }
    provenance.list.size += 1
    state.provenance = provenance
  }
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
