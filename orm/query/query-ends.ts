import type { AnyEntityClass, EntityOf } from '../schema/relation.ts'
import { subQuery, type SubQuery } from '../sql/embedded.ts'
import type { RefsOf } from '../sql/ref-types.ts'
import { everyColumn } from '../sql/projections.ts'
import { Enclosed } from '../sql/row-queries.ts'
import { Select } from '../sql/select.ts'
import { selectedBy } from './callbacks.ts'
import { joinedPart, type JoinedPart } from './join.ts'
import type { Changes, ChangesBy, Returning, Selection } from './query-types.ts'
import { type QueryContext, runAggregate, runCount, runExists } from './run.ts'
import { primaryKeyOf } from './keyset.ts'
import { afterToken, type Page, type PageOptions } from './page.ts'
import { attempt } from '../util/attempt.ts'
import { runPage } from './run-page.ts'
import { runWrite } from './run-writes.ts'
import { streamEntities, type StreamOptions } from './run-stream.ts'
import { runFirst, runList, runOne } from './run-entities.ts'
import { notSentError, type QueryPlan, requireEmbeddable } from './plan.ts'

/** The methods that send a query of entities. */
export abstract class QueryEnds<C extends AnyEntityClass> {
  /** @internal */
  protected readonly context: QueryContext
  /** @internal */
  protected readonly plan: QueryPlan

  /** @internal Queries are made by `session.find(…)`. */
  constructor(context: QueryContext, plan: QueryPlan) {
    this.context = context
    this.plan = plan
  }

  /** All rows, as entities. */
  toList(): Promise<EntityOf<C>[]> {
    return this.#sent('toList', runList) as Promise<EntityOf<C>[]>
  }

  /** The first row, or null. Without an order it is any row. */
  first(): Promise<EntityOf<C> | null> {
    return this.#sent('first', runFirst) as Promise<EntityOf<C> | null>
  }

  /**
   * The only row.
   *
   * @throws DataBridgeError `DATA_BRIDGE_ERR_NOT_FOUND` (404) without a row, `DATA_BRIDGE_ERR_MULTIPLE_ROWS` with several.
   */
  one(): Promise<EntityOf<C>> {
    return this.#sent('one', runOne) as Promise<EntityOf<C>>
  }

  /** The number of rows. With a limit or offset: the number of rows on that page. */
  count(): Promise<number> {
    return this.#sent('count', runCount)
  }

  /** Whether there is a row. */
  exists(): Promise<boolean> {
    return this.#sent('exists', runExists)
  }

  /**
   * Gives plain rows of values: one row, or one for each group of {@link groupBy}.
   *
   * @example
   * ```ts
   * import { avg, count, type Session } from 'fastify-data-bridge/orm'
   * import { Post } from './entities.ts'
   *
   * export function postsPerAuthor(session: Session) {
   *   return session.find(Post)
   *     .groupBy((post) => post.authorId)
   *     .aggregate((post) => ({ authorId: post.authorId, posts: count(), likes: avg(post.likes) }))
   * }
   * ```
   */
  aggregate<R>(select: (row: RefsOf<C>) => Selection<R>): Promise<R[]> {
    const plan = this.placed('aggregate')
    const selected = selectedBy(plan, select, this.where('aggregate'))
    return runAggregate(this.context, plan, selected) as Promise<R[]>
  }

  /**
   * The entities, read from a cursor of PostgreSQL some hundred at a time: the memory does not grow with their number.
   * The session lets go of an entity when the next ones are read: it is detached then, unless it has changes, or
   * something else gave it too. Collect entities with {@link toList}. Loaders load for each batch.
   *
   * It begins a transaction, in which the cursor lives. Leaving the loop closes the cursor.
   *
   * @example
   * ```ts
   * import type { Session } from 'fastify-data-bridge/orm'
   * import { User } from './entities.ts'
   *
   * export async function* lines(session: Session): AsyncGenerator<string> {
   *   for await (const user of session.find(User).orderBy((each) => each.id.asc()).stream())
   *     yield `${user.id},${user.email}\n`
   * }
   * ```
   */
  stream(options: StreamOptions = {}): AsyncGenerator<EntityOf<C>, void, undefined> {
    const plan = this.placed('stream')
    const stream = streamEntities(this.context, plan, options, this.where('stream'))
    return stream as AsyncGenerator<EntityOf<C>, void, undefined>
  }

  /**
   * A page of entities, and the tokens of the pages beside it. It begins behind a row, and not at a number of rows: no
   * row is left out or given twice while others insert and delete. The order of the query decides; the primary key
   * is added to it. `limit()` is the size of a page.
   *
   * @throws DataBridgeError `DATA_BRIDGE_ERR_INVALID_VALUE` (400) if a token is none, or belongs to another query.
   *
   * @example
   * ```ts
   * import type { Session } from 'fastify-data-bridge/orm'
   * import { Post } from './entities.ts'
   *
   * export async function newest(session: Session, after?: string) {
   *   const page = await session.find(Post)
   *     .orderBy((post) => [post.likes.desc(), post.id.desc()])
   *     .limit(20)
   *     .page({ after, total: true })
   *   return page // { items, next, previous, total }
   * }
   * ```
   */
  page(options: PageOptions & { readonly total: true }): Promise<Page<EntityOf<C>, number>>
  page(options?: PageOptions & { readonly total?: false }): Promise<Page<EntityOf<C>>>
  page(options: PageOptions): Promise<Page<EntityOf<C>, number | undefined>>
  page(options: PageOptions = {}): Promise<unknown> {
    return runPage(this.context, this.plan, options, this.where('page'))
  }

  /**
   * Changes the rows with one statement, and gives their number; with `returning`, their new values. Entities that the
   * session holds of these rows get the new values too; those that the program has changed meanwhile stay. A version goes up.
   *
   * @throws DataBridgeError `DATA_BRIDGE_ERR_QUERY` without a filter, unless {@link Query.all} was called.
   *
   * @example
   * ```ts
   * import { type Session, sql } from 'fastify-data-bridge/orm'
   * import { User } from './entities.ts'
   *
   * export async function birthday(session: Session, names: string[]): Promise<{ id: number; age: number | null }[]> {
   *   await session.find(User).filter({ active: false }).update({ active: true })
   *   return session.find(User)
   *     .filter({ name: names })
   *     .update((user) => ({ age: sql`${user.age} + 1` }), {
   *       returning: (user) => ({ id: user.id, age: user.age }),
   *     })
   * }
   * ```
   */
  update<R, S>(
    changes: Changes<EntityOf<C>> | ChangesBy<RefsOf<C>, EntityOf<C>, S>,
    options: Returning<RefsOf<C>, R>,
  ): Promise<R[]>
  update<S>(changes: Changes<EntityOf<C>> | ChangesBy<RefsOf<C>, EntityOf<C>, S>): Promise<number>
  update(changes: unknown, options?: unknown): Promise<unknown> {
    return runWrite(this.context, this.plan, 'update', options, changes)
  }

  /**
   * Deletes the rows with one statement, and gives their number; with `returning`, their values. Entities that the session
   * holds of these rows are detached, as after a flush that deleted them.
   *
   * @throws DataBridgeError `DATA_BRIDGE_ERR_QUERY` without a filter, unless {@link Query.all} was called.
   *
   * @example
   * ```ts
   * import type { Session } from 'fastify-data-bridge/orm'
   * import { Post } from './entities.ts'
   *
   * export function deleteUnliked(session: Session): Promise<number> {
   *   return session.find(Post).filter({ likes: 0 }, (post) => post.comments.none()).delete()
   * }
   * ```
   */
  delete<R>(options: Returning<RefsOf<C>, R>): Promise<R[]>
  delete(): Promise<number>
  delete(options?: unknown): Promise<unknown> {
    return runWrite(this.context, this.plan, 'delete', options)
  }

  /** @internal Refuses a query that is sent as JSON: the program forgot `toList()`, and it would be `{}`. */
  toJSON(): never {
    throw notSentError(`find(${this.plan.from.table.entityName})`)
  }

  /** @internal */
  [subQuery](): SubQuery {
    const plan = this.placed('a sub-query')
    requireEmbeddable(plan)
    const label = `find(${plan.from.table.entityName})`
    return { select: new Select(plan), values: undefined, label }
  }

  /** @internal */
  [joinedPart](): JoinedPart {
    const plan = this.placed('a join')
    requireEmbeddable(plan)
    const rows = new Enclosed(new Select({ ...plan, projection: everyColumn(plan.from) }))
    const key = plan.from.table.primaryKey.map(({ property }) => property)
    return { from: plan.from, rows, selected: undefined, key }
  }

  /** @internal The plan with the rows behind the token of `after()`, for the method that sends it. */
  protected placed(method: string): QueryPlan {
    const { plan } = this
    if (plan.after === undefined) return plan
    return afterToken(plan, primaryKeyOf(plan), this.context.pageTokens, this.where(method))
  }

  #sent<T>(
    method: string,
    run: (context: QueryContext, plan: QueryPlan) => Promise<T>,
  ): Promise<T> {
    if (this.plan.after === undefined) return run(this.context, this.plan)
    return attempt(() => run(this.context, this.placed(method)))
  }

  /** @internal The method as messages name it. */
  protected where(method: string): string {
    return `find(${this.plan.from.table.entityName}).${method}()`
  }
}
