import type { RelationRef } from '../entity/types.ts'
import { DataBridgeError } from '../errors.ts'
import type { RelationMetadata, TableMetadata } from '../schema/metadata.ts'
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

/** The loaders without those that refuse. */
export function withoutRaise(loaders: readonly unknown[]): readonly unknown[] {
  return loaders.some(isRaise) ? loaders.filter((loader) => !isRaise(loader)) : loaders
}

/** The refused relations with those of more loaders; undefined if there are none. */
export function withRaised(
  raised: readonly RelationMetadata[] | undefined,
  loaders: readonly unknown[],
  table: TableMetadata,
  where: string,
): readonly RelationMetadata[] | undefined {
  const added = loaders.filter(isRaise).map(({ relation }) => relation)
  for (const relation of added) requireOwner(relation, table, where)
  return allRaised(raised, added)
}

/** The relations of both; undefined if there are none. */
export function allRaised(
  raised: readonly RelationMetadata[] | undefined,
  added: readonly RelationMetadata[] | undefined,
): readonly RelationMetadata[] | undefined {
  if (added === undefined || added.length === 0) return raised
  return raised === undefined ? added : [...new Set([...raised, ...added])]
}

/** Refuses a loader of another entity. */
export function requireOwner(
  { owner, name }: RelationMetadata,
  table: TableMetadata,
  where: string,
): void {
  if (owner === table) return
  throw new DataBridgeError(
    'DATA_BRIDGE_ERR_QUERY',
    `${where} expected a loader of ${table.entityName}, got one of ${owner.entityName}.${name}`,
  )
}

function isRaise(loader: unknown): loader is RaiseLoader<unknown> {
  return loader instanceof RaiseLoader
}
