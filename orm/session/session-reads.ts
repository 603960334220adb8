import type { Entity } from '../entity/entity.ts'
import { stateOf } from '../entity/entity-state.ts'
import type { Key, TableOf } from '../entity/types.ts'
import { Query } from '../query/query.ts'
import type { LoaderOf } from '../relations/loader.ts'
import { followed } from '../util/refusals.ts'
import type { AnyEntityClass, EntityOf, FieldsOf } from '../schema/relation.ts'
import { tableOf } from '../schema/table-of.ts'
import type { Condition } from '../sql/node.ts'
import type { ColumnRefs } from '../sql/ref-types.ts'
import { sessionFilter } from './session-filter.ts'
import { attempt } from '../util/attempt.ts'
import { SessionCore } from './session-core.ts'
import { goneError, notFoundError } from './session-errors.ts'
import type { SessionParts } from './session-parts.ts'

/** The methods of a session that read entities. */
export abstract class SessionReads {
  /** @internal */
  protected readonly parts: SessionParts
  /** @internal */
  protected readonly core: SessionCore

  /** @internal */
  constructor(parts: SessionParts) {
    this.parts = parts
    this.core = new SessionCore(this, parts)
  }

  /** @internal Ends the session, and rolls back without a warning. Undefined if it has ended at once. */
  discard(isShutdown = false): Promise<void> | undefined {
    return this.core.end.discard(isShutdown)
  }

  /** @internal The promise of some work, for the program. If the session is ended from outside, it does not end the process. */
  give<T>(work: () => Promise<T> | T): Promise<T> {
    return this.core.end.give(work)
  }

  /** Begins a query of an entity. Its last method, such as `toList()`, sends it. */
  find<C extends AnyEntityClass>(entity: C): Query<C> {
    this.core.life.use()
    return Query.of(this.core.source, entity)
  }

  /**
   * Narrows what the session reads of an entity, in addition to the `defaultFilter` of its table: the rows of queries,
   * relations, counts and `get()`, and those that queries write. It holds for queries that begin later, until the
   * session ends. `withDefaults(false)` leaves it out. It does not fill new rows, and entities that the session
   * holds already stay.
   *
   * @throws DataBridgeError `DATA_BRIDGE_ERR_FILTER` if it is no condition on columns of the entity's table.
   *
   * @example
   * ```ts
   * import { bigint, type Session, table, text } from 'fastify-data-bridge/orm'
   *
   * class Invoice extends table('invoices', {
   *   id: bigint().primaryKey().generated(),
   *   tenantId: text(),
   * }) {}
   *
   * export function forTenant(session: Session, tenantId: string): Promise<Invoice[]> {
   *   session.addFilter(Invoice, (invoice) => invoice.tenantId.eq(tenantId))
   *   return session.find(Invoice).toList()
   * }
   * ```
   */
  addFilter<C extends AnyEntityClass>(
    entity: C,
    filter: (row: ColumnRefs<FieldsOf<EntityOf<C>>>) => Condition,
  ): void {
    this.core.life.require()
    this.core.source.addFilter(tableOf(entity), sessionFilter(tableOf(entity), filter))
  }

  /** The entity with this primary key, or null. Looks into the identity map first. */
  get<C extends AnyEntityClass>(entity: C, key: Key<EntityOf<C>>): Promise<EntityOf<C> | null> {
    return attempt(() => {
      this.core.life.use()
      return this.core.source.get(tableOf(entity), key) as Promise<EntityOf<C> | null>
    })
  }

  /**
   * The entity with this primary key.
   *
   * @throws DataBridgeError `DATA_BRIDGE_ERR_NOT_FOUND` (404) if there is no such row.
   */
  getOrThrow<C extends AnyEntityClass>(entity: C, key: Key<EntityOf<C>>): Promise<EntityOf<C>> {
    const required = (found: EntityOf<C> | null): EntityOf<C> => {
      if (found === null) throw notFoundError(tableOf(entity).entityName)
      return found
    }
    return followed(this.get(entity, key), required, this.parts.tellRefused)
  }

  /**
   * The entities with these primary keys, in the order of the keys. Leaves out keys without a row. Looks
   * into the identity map first, and sends at most one query for the rest.
   */
  getMany<C extends AnyEntityClass>(
    entity: C,
    keys: readonly Key<EntityOf<C>>[],
  ): Promise<EntityOf<C>[]> {
    return this.give(async () => {
      this.core.life.use()
      return (await this.core.source.getMany(tableOf(entity), keys)) as EntityOf<C>[]
    })
  }

  /**
   * Reads the row of an entity again. Unsaved changes of the entity are lost, and its relations are loaded
   * again when they are awaited.
   *
   * @throws DataBridgeError `DATA_BRIDGE_ERR_NOT_FOUND` (404) if the row no longer exists.
   */
  refresh(entity: Entity): Promise<void> {
    return this.give(async () => {
      this.core.life.use()
      const { lifecycle, session, table } = stateOf(entity)
      if (lifecycle !== 'stored' || session !== this.core)
        throw goneError('refresh', table.entityName, lifecycle)
      await this.core.source.refresh(entity)
    })
  }

  /**
   * Loads relations of entities in hand, for all of them at once: one statement for each loader, and one for what
   * `undefer` names. What an entity has loaded already stays, unless the loader has a filter, an order or a limit. `joinedload` loads here as
   * `selectinload` does. As after an `await`, the JSON of the entities shows what was loaded.
   *
   * @param entities one entity or several of one class, which are stored in this session
   * @throws DataBridgeError `DATA_BRIDGE_ERR_DETACHED` if an entity is new, deleted, or not of this session.
   *
   * @example
   * ```ts
   * import { selectinload, type Session } from 'fastify-data-bridge/orm'
   * import { Post, User } from './entities.ts'
   *
   * export async function withPosts(session: Session, ids: number[]): Promise<User[]> {
   *   const users = await session.getMany(User, ids)
   *   await session.load(users, selectinload(User.posts).options(selectinload(Post.comments)))
   *   return users
   * }
   * ```
   */
  load<E extends Entity>(
    entities: E | readonly E[],
    ...loaders: readonly LoaderOf<TableOf<E>>[]
  ): Promise<void> {
    return this.give(() => {
      this.core.life.use()
      return this.core.source.load(entities, loaders)
    })
  }
}
