import { DataBridgeError } from '../errors.ts'
import type { TableOf } from '../entity/types.ts'
import type { LoaderOf } from '../relations/loader.ts'
import { type LazyMode, requireLazyMode } from '../schema/lazy-mode.ts'
import type { AnyEntityClass, EntityOf } from '../schema/relation.ts'
import { tableOf } from '../schema/table-of.ts'
import { type LockMethod, type LockOptions, RowLock } from '../sql/lock.ts'
import { narrowed, requireConditions } from '../sql/logic.ts'
import type { Condition, Expression, Order } from '../sql/node.ts'
import type { Matches, RefsOf } from '../sql/ref-types.ts'
import { callWithRefs } from '../sql/refs.ts'
import { conditionsOf, ordersOf, requireCount } from '../sql/callbacks.ts'
import { isAggregate } from '../sql/calls.ts'
import { expressionsOf, methodOfEntities, planFor, type QueryPlan, withOptions } from './plan.ts'
import { QueryEnds } from './query-ends.ts'
import type { Selection } from './query-types.ts'
import { Rows } from './rows.ts'
import type { QueryContext } from './run.ts'

/**
 * A query of one entity. Immutable: each method gives a new query. `toList`, `first`, `one`, `count`,
 * `exists` and `aggregate` send it.
 *
 * @example
 * ```ts
 * import type { Session } from 'fastify-data-bridge/orm'
 * import { User } from './entities.ts'
 *
 * export function adults(session: Session): Promise<User[]> {
 *   return session.find(User)
 *     .filter({ active: true }, (user) => user.age.gte(18))
 *     .orderBy((user) => [user.name.asc(), user.id.asc()])
 *     .limit(10)
 *     .toList()
 * }
 * ```
 */
export class Query<C extends AnyEntityClass> extends QueryEnds<C> {
  static of<C extends AnyEntityClass>(context: QueryContext, entity: C): Query<C> {
    return new Query<C>(context, planFor(tableOf(entity)))
  }

  /**
   * Keeps only rows that match all filters of this call and of earlier calls. `undefined` as a value is
   * an error, since it would silently match every row.
   */
  filter(
    ...filters: readonly (Matches<EntityOf<C>> | ((row: RefsOf<C>) => Condition))[]
  ): Query<C> {
    const { from, where } = this.plan
    const method = this.where('filter')
    const added = filters.flatMap((filter) => conditionsOf(from, filter, method))
    if (added.length === 0) return this
    return this.#with({ where: narrowed(where, ...added) })
  }

  /** Sets the order of the rows, and replaces an earlier order. */
  orderBy(by: (row: RefsOf<C>) => Order | readonly Order[]): Query<C> {
    return this.#with({ orders: ordersOf(this.plan.from, by, this.where('orderBy')) })
  }

  /** Gives at most `rows` rows. */
  limit(rows: number): Query<C> {
    return this.#with({ limit: requireCount(rows, this.where('limit')) })
  }

  /** Skips `rows` rows at the start. */
  offset(rows: number): Query<C> {
    return this.#with({ offset: requireCount(rows, this.where('offset')) })
  }

  /**
   * Locks the rows until the transaction ends: nobody else can change, delete or lock them. It begins a
   * transaction, and waits for rows that another transaction has locked. An entity that the session holds
   * already takes the values of the locked row; values that the program has changed stay. Rows of relations,
   * joined or loaded, are not locked. Replaces an earlier lock.
   *
   * @throws DataBridgeError `DATA_BRIDGE_ERR_STATEMENT_TIMEOUT` if a row is locked, with `noWait`.
   *
   * @example
   * ```ts
   * import type { Session } from 'fastify-data-bridge/orm'
   * import { User } from './entities.ts'
   *
   * export function nextInactive(session: Session): Promise<User | null> {
   *   return session.find(User)
   *     .filter({ active: false })
   *     .orderBy((user) => user.id.asc())
   *     .forUpdate({ skipLocked: true })
   *     .first()
   * }
   * ```
   */
  forUpdate(options: LockOptions = {}): Query<C> {
    return this.#locked('forUpdate', options)
  }

  /** As {@link forUpdate}, but other transactions can lock the rows with `forShare()` too. */
  forShare(options: LockOptions = {}): Query<C> {
    return this.#locked('forShare', options)
  }

  /** Loads relations and deferred columns with the rows: `selectinload(User.posts)`, `undefer(Article, 'body')`. */
  options(...loaders: readonly LoaderOf<TableOf<EntityOf<C>>>[]): Query<C> {
    return new Query<C>(this.context, withOptions(this.plan, loaders, this.where('options')))
  }

  /**
   * Sets what `await` does with a relation that is not loaded, for the entities of this query and for all
   * that are loaded from them: see {@link LazyMode}. It wins over the modes of the relation, the session and the
   * database. If another query gives an entity again, the mode of that query counts. `get()` leaves it as it is.
   *
   * @example
   * ```ts
   * import type { Session } from 'fastify-data-bridge/orm'
   * import { User } from './entities.ts'
   *
   * export async function titles(session: Session): Promise<string[]> {
   *   const found: string[] = []
   *   for (const user of await session.find(User).limit(50).lazy('peers').toList())
   *     for (const post of await user.posts) found.push(post.title) // two queries in all
   *   return found
   * }
   * ```
   */
  lazy(mode: LazyMode): Query<C> {
    return this.#with({ lazy: requireLazyMode(mode, this.where('lazy')) })
  }

  /** Sets the groups of {@link aggregate}: columns, or `sql` templates. */
  groupBy(by: (row: RefsOf<C>) => Expression<unknown> | readonly Expression<unknown>[]): Query<C> {
    const where = this.where('groupBy')
    const groups = [callWithRefs(this.plan.from, by, where)].flat()
    return this.#with({ groups: expressionsOf(groups, where) })
  }

  /** Keeps only groups that match: `having(() => count().gt(1))`. */
  having(having: (row: RefsOf<C>) => Condition): Query<C> {
    const { from, having: before } = this.plan
    const where = this.where('having')
    const added = callWithRefs(from, having, where)
    requireConditions(where, [added])
    return this.#with({ having: narrowed(before, added as Condition) })
  }

  /**
   * Gives plain rows instead of entities, with one statement. A value is a column, a column behind to-one
   * relations, the count of a to-many relation, or a `sql` template.
   *
   * @example
   * ```ts
   * import type { Session } from 'fastify-data-bridge/orm'
   * import { Post } from './entities.ts'
   *
   * export function overview(session: Session) {
   *   return session.find(Post)
   *     .orderBy((post) => post.comments.count().desc())
   *     .select((post) => ({ title: post.title, author: post.author.name, comments: post.comments.count() }))
   *     .limit(10)
   *     .toList()
   * }
   * ```
   */
  select<R>(select: (row: RefsOf<C>) => Selection<R>): Rows<R> {
    const { from, groups, having } = this.plan
    const grouped = groups.length > 0 ? 'groupBy' : having === undefined ? undefined : 'having'
    const ofEntities = methodOfEntities(this.plan)
    const unused = ofEntities ?? grouped
    if (unused !== undefined) {
      throw new DataBridgeError(
        'DATA_BRIDGE_ERR_QUERY',
        `find(${from.table.entityName}).${unused}() cannot be used with select(); ` +
          (unused === ofEntities
            ? 'it gives values, not entities'
            : 'groups are read with aggregate()'),
      )
    }
    const selected = this.selected(select, 'select', 'columns or sql templates')
    if (Object.values(selected).some(isAggregate)) {
      throw new DataBridgeError(
        'DATA_BRIDGE_ERR_QUERY',
        `${this.where('select')} expected values of each row, got an aggregate; groups are read with aggregate(), ` +
          'related rows are counted with row.relation.count()',
      )
    }
    return new Rows<R>(this.context, this.plan, selected)
  }

  #locked(method: LockMethod, options: unknown): Query<C> {
    return this.#with({ lock: new RowLock(this.plan.from, method, options, this.where(method)) })
  }

  #with(change: Partial<QueryPlan>): Query<C> {
    return new Query<C>(this.context, { ...this.plan, ...change })
  }
}
