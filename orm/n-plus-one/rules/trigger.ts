import { isSameList } from '../../util/lists.ts'
import type {
  ColumnMetadata,
  Operation,
  Provenance,
  RelationMetadata,
  TableMetadata,
} from '../../observe/operation.ts'

/** What is loaded: a relation, its count, or deferred columns. The loader loads it for all entities of a list. */
export type Loaded =
  | { readonly loader: 'selectinload' | 'countload'; readonly relation: RelationMetadata }
  | {
      readonly loader: 'undefer'
      readonly table: TableMetadata
      readonly columns: readonly ColumnMetadata[]
    }

/** A statement for one entity. */
export interface Trigger {
  readonly owner: object
  readonly provenance: Provenance | undefined
  readonly loaded: Loaded
}

/**
 * What an operation loads for one entity alone: `await post.author`, `load(post, selectinload(Post.comments))`, or
 * `load(post, undefer(Post, 'body'))`. Undefined for all others.
 */
export function triggerOf(operation: Operation): Trigger | undefined {
  if (operation.kind === 'query') return deferredTrigger(operation)
  if (operation.kind !== 'relationship') return undefined
  const { strategy, relation, provenance, owners } = operation
  const [owner] = owners
  if (owner === undefined) return undefined
  if (strategy === 'select')
    return { owner, provenance, loaded: { loader: 'selectinload', relation } }
  // Loaders know the provenance if the program asked for one entity.
  if (provenance === undefined || (strategy !== 'selectinload' && strategy !== 'countload'))
    return undefined
  return { owner, provenance, loaded: { loader: strategy, relation } }
}

function deferredTrigger({ deferred, table }: Operation & { kind: 'query' }): Trigger | undefined {
  if (deferred === undefined || table === undefined) return undefined
  const { owner, provenance, columns } = deferred
  return { owner, provenance, loaded: { loader: 'undefer', table, columns } }
}

/** What groups are kept by. */
export function subjectOf(loaded: Loaded): object {
  return loaded.loader === 'undefer' ? (loaded.columns[0] as ColumnMetadata) : loaded.relation
}

export function isSameLoaded(one: Loaded, other: Loaded): boolean {
  if (one.loader === 'undefer')
    return other.loader === 'undefer' && isSameList(one.columns, other.columns)
  return one.loader === other.loader && one.relation === other.relation
}

/** Whether it leads back to the table where it begins, so that it can be followed again. */
export function isOwnTable(loaded: Loaded): boolean {
  return loaded.loader !== 'undefer' && loaded.relation.owner === loaded.relation.target
}
