import type { TableOf } from '../entity/types.ts'
import { DataBridgeError, describe } from '../errors.ts'
import type { RelationMetadata, TableMetadata } from '../schema/metadata.ts'
import { relationOf } from '../schema/relation-ref.ts'
import type { RelationRef } from '../entity/types.ts'

/** All that `options` asks of a loader: by this the type checker compares loaders. */
export interface LoaderOf<in Table> {
  /** For the type checker only. */
  readonly __table: (name: Table) => void
}

/** A relation that is loaded with a query, in a statement of its own for all entities at once. Immutable. */
export class Loader<in Table, out Target> implements LoaderOf<Table> {
  /** For the type checker only. */
  declare readonly __table: (name: Table) => void
  /** For the type checker only. */
  declare readonly __target: Target
  readonly relation: RelationMetadata
  readonly nested: readonly AnyLoader[]

  constructor(relation: RelationMetadata, nested: readonly AnyLoader[] = []) {
    this.relation = relation
    this.nested = Object.freeze(nested)
    Object.freeze(this)
  }

  /** Relations of the loaded entities: `selectinload(User.posts).options(selectinload(Post.comments))`. */
  options(...loaders: readonly LoaderOf<TableOf<Target>>[]): Loader<Table, Target> {
    const { target, owner, name } = this.relation
    requireLoaders(loaders, target, `selectinload(${owner.entityName}.${name}).options()`)
    return new Loader(this.relation, [
      ...this.nested,
      ...(loaders as unknown as readonly AnyLoader[]),
    ])
  }
}

export type AnyLoader = Loader<never, unknown>

/**
 * Loads a relation of all entities of a query with one more statement, however many they are.
 *
 * @example
 * ```ts
 * import { type Session, selectinload } from 'fastify-data-bridge/orm'
 * import { Post, User } from './entities.ts'
 *
 * export function usersWithPosts(session: Session): Promise<User[]> {
 *   return session.find(User)
 *     .options(selectinload(User.posts).options(selectinload(Post.comments)))
 *     .toList()
 * }
 * ```
 */
export function selectinload<Table, Target>(
  relation: RelationRef<Table, Target>,
): Loader<Table, Target> {
  return new Loader(relationOf(relation, 'selectinload()'))
}

/** Refuses anything else than a loader, and a loader of another entity. */
export function requireLoaders(
  loaders: readonly unknown[],
  table: TableMetadata,
  where: string,
): void {
  for (const loader of loaders) {
    if (!(loader instanceof Loader)) {
      throw new DataBridgeError(
        'DATA_BRIDGE_ERR_QUERY',
        `${where} expected loaders such as selectinload(…); came ${describe(loader)}`,
      )
    }
    const { owner, name } = loader.relation
    if (owner === table) continue
    throw new DataBridgeError(
      'DATA_BRIDGE_ERR_QUERY',
      `${where} expected a loader of ${table.entityName}; came one of ${owner.entityName}.${name}`,
    )
  }
}
