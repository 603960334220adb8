import type { TableOf } from '../entity/types.ts'
import type { LoaderOf } from '../relations/loader.ts'
import { type LazyMode, requireLazyMode } from '../schema/lazy-mode.ts'
import type { AnyEntityClass, EntityOf } from '../schema/relation.ts'
import { tableOf } from '../schema/table-of.ts'
import { requireCount, requireHold } from '../sql/callbacks.ts'
import { noDefaults } from '../sql/defaults.ts'
import { type LockMethod, type LockOptions, RowLock, type UpdateLockOptions } from '../sql/lock.ts'
import type { Condition, Expression, Order } from '../sql/node.ts'
import type { Matches, OptionalRefs, RefsOf } from '../sql/ref-types.ts'
import { distinct, filtered, grouped, having, ordered, selectedRows } from './callbacks.ts'
import { joinTo } from './join.ts'
import { JoinedQuery } from './joined-query.ts'
import {
  planFor,
  type QueryPlan,
  refuseEntityMethods,
  requireAllRows,
  requireGroups,
  withOptions,
} from './plan.ts'
import { QueryEnds } from './query-ends.ts'
import type { Joinable, Selection } from './query-types.ts'
import { makeRows, type Rows } from './rows.ts'
import type { QueryContext } from './run.ts'

/**
 * A query of one entity. Immutable: each method gives a new query. `toList`, `first`, `one`, `count`,
 * `exists`, `aggregate`, `update` and `delete` send it.
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
export class Query<C extends AnyEntityClass>
  extends QueryEnds<C>
  implements Joinable<RefsOf<C>, OptionalRefs<EntityOf<C>>>
{
  /** For the type checker only. */
  declare readonly _refs?: RefsOf<C>
  /** For the type checker only. */
  declare readonly _optional?: OptionalRefs<EntityOf<C>>

  static of<C extends AnyEntityClass>(context: QueryContext, entity: C): Query<C> {
    return new Query<C>(context, planFor(tableOf(entity), context.defaults))
  }

  /**
   * Keeps only rows that match all filters of this call and of earlier calls. `undefined` as a value is
   * an error, since it would silently match every row.
   */
  filter(
    ...filters: readonly (Matches<EntityOf<C>> | ((row: RefsOf<C>) => Condition))[]
  ): Query<C> {
    return this.#of(filtered(this.plan, filters, this.where('filter')))
  }

  /** Sets the order of the rows, and replaces an earlier order. */
  orderBy(by: (row: RefsOf<C>) => Order | readonly Order[]): Query<C> {
    return this.#of(ordered(this.plan, by, this.where('orderBy')))
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
   * Begins behind the row of a token that {@link page} gave as `next`, in the order of the query, to which the primary
   * key is added. Null or undefined: at the first row.
   */
  after(token: string | null | undefined): Query<C> {
    return this.#with({ after: token ?? null })
  }

  /**
   * Locks the rows until the transaction ends: nobody else can change, delete or lock them. It begins a
   * transaction, and waits for rows that another transaction has locked. An entity that the session holds
   * already takes the values of the locked row; values that the program has changed stay. Rows of relations,
   * joined or loaded, are only locked if `of` names them: `forUpdate({ of: (post) => [post, post.author] })`.
   * Replaces an earlier lock.
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
  forUpdate(options: UpdateLockOptions<RefsOf<C>> = {}): Query<C> {
    return this.#locked('forUpdate', options)
  }

  /** As {@link forUpdate}, but other transactions can lock the rows with `forShare()` too. */
  forShare(options: LockOptions<RefsOf<C>> = {}): Query<C> {
    return this.#locked('forShare', options)
  }

  /** Says that all rows are meant: `update` and `delete` refuse a query without a filter otherwise. */
  all(): Query<C> {
    return this.#with({ isAll: true })
  }

  /**
   * Whether default filters hold: those of the tables, and those of the session. With `false` the query also gives rows
   * that they hide, and its callbacks see them behind relations. Loaders and queries inside of it have their own.
   *
   * @example
   * ```ts
   * import type { Session } from 'fastify-data-bridge/orm'
   * import { Post } from './entities.ts'
   *
   * export function withDeleted(session: Session): Promise<Post[]> {
   *   return session.find(Post).withDefaults(false).toList()
   * }
   * ```
   */
  withDefaults(hold: boolean): Query<C> {
    const holds = requireHold(hold, this.where('withDefaults'))
    return this.#with({ defaults: holds ? this.context.defaults : noDefaults })
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

  /**
   * Of the rows that have equal values the first one in the order of the query, which has to begin with these values.
   * Without a callback: equal rows of {@link select} once.
   */
  distinct(
    on?: (row: RefsOf<C>) => Expression<unknown> | readonly Expression<unknown>[],
  ): Query<C> {
    return this.#of(distinct(this.plan, on, this.where('distinct')))
  }

  /** Sets the groups of {@link select} and {@link aggregate}: columns, or `sql` templates. */
  groupBy(by: (row: RefsOf<C>) => Expression<unknown> | readonly Expression<unknown>[]): Query<C> {
    return this.#of(grouped(this.plan, by, this.where('groupBy')))
  }

  /** Keeps only groups that match: `having(() => count().gt(1))`. */
  having(condition: (row: RefsOf<C>) => Condition): Query<C> {
    return this.#of(having(this.plan, condition, this.where('having')))
  }

  /**
   * Joins the rows of another query: those pairs that match. Relations need no join: `post.author.name`.
   *
   * @param on the condition; it sees a row of each
   */
  join<J>(
    other: Joinable<J, unknown>,
    on: (row: RefsOf<C>, joined: J) => Condition,
  ): JoinedQuery<[RefsOf<C>, J]> {
    return this.#joined('join', other, on)
  }

  /** As {@link join}, and rows without a match once, with NULL in place of the other's values. */
  leftJoin<J>(
    other: Joinable<unknown, J>,
    on: (row: RefsOf<C>, joined: J) => Condition,
  ): JoinedQuery<[RefsOf<C>, J]> {
    return this.#joined('left join', other, on)
  }

  /**
   * Gives plain rows instead of entities, with one statement: see {@link Rows}. A value is a column, a column behind
   * to-one relations, the count of a to-many relation, a {@link scalar} query, a window function, or a `sql` template.
   * Of groups it is a group or an aggregate. Aggregates without groups give one row.
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
    const plan = this.placed('select')
    refuseEntityMethods(plan, 'select')
    requireGroups(plan, 'select')
    return makeRows(this.context, selectedRows(plan, select, this.where('select')))
  }

  #joined<J>(word: 'join' | 'left join', other: unknown, on: unknown): JoinedQuery<[RefsOf<C>, J]> {
    const method = word === 'join' ? 'join' : 'leftJoin'
    refuseEntityMethods(this.plan, method)
    requireAllRows(this.plan, method)
    const plan = joinTo(this.placed(method), other, word, on, this.where(method))
    return new JoinedQuery(this.context, plan, `find(${plan.from.table.entityName})`, makeRows)
  }

  #locked(method: LockMethod, options: unknown): Query<C> {
    return this.#with({ lock: new RowLock(this.plan.from, method, options, this.where(method)) })
  }

  #with(change: Partial<QueryPlan>): Query<C> {
    return this.#of({ ...this.plan, ...change })
  }

  #of(plan: QueryPlan): Query<C> {
    return plan === this.plan ? this : new Query<C>(this.context, plan)
  }
}
