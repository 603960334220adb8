import type { RelationRef } from '../entity/types.ts'
import type { RelationMetadata } from '../schema/metadata.ts'
import { relationOf } from '../schema/relation-ref.ts'
import type { LoaderOf } from './loader.ts'

/** Refuses to load a relation lazily. Immutable. */
export class RaiseLoader<Table> implements LoaderOf<Table> {
  /** For the type checker only. */
  declare readonly __table: (name: Table) => void
  /** @internal */
  readonly relation: RelationMetadata

  /** @internal Made by `raiseload(…)`. */
  constructor(relation: RelationMetadata) {
    this.relation = relation
    Object.freeze(this)
  }
}

/**
 * Refuses to load a relation of the entities of a query lazily: an `await` fails with
 * `DATA_BRIDGE_ERR_RELATION_NOT_LOADED`, whatever the lazy mode is. So a missing loader is found when the code
 * runs for the first time, and not when its list gets long. It fails too if the session already holds the
 * target. What is loaded is given, and so is null for a foreign key that is null.
 *
 * It holds for the entities that its query or loader gives: in `selectinload(User.posts).options(raiseload(Post.author))` for
 * the posts. For all relations, and all entities that are loaded from those of a query, use `lazy('raise')`.
 *
 * @example
 * ```ts
 * import { raiseload, type Session, selectinload } from 'fastify-data-bridge/orm'
 * import { Post, User } from './entities.ts'
 *
 * export function usersWithPosts(session: Session): Promise<User[]> {
 *   return session.find(User)
 *     .options(selectinload(User.posts).options(raiseload(Post.comments)))
 *     .toList()
 * }
 * ```
 */
export function raiseload<Table>(relation: RelationRef<Table, unknown>): RaiseLoader<Table> {
  return new RaiseLoader(relationOf(relation, 'raiseload()'))
}
