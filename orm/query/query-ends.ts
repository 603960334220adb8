import type { AnyEntityClass, EntityOf } from '../schema/relation.ts'
import { type Embeddable, subQuery, type SubQuery } from '../sql/embedded.ts'
import type { RefsOf } from '../sql/ref-types.ts'
import { Enclosed } from '../sql/row-queries.ts'
import { Select } from '../sql/select.ts'
import { selectedBy } from './callbacks.ts'
import { joinedPart, type JoinedPart } from './join.ts'
import { lockedError } from './rows-query.ts'
import { notSentError, type QueryPlan, refuseEntityMethods } from './plan.ts'
import type { Selection } from './query-types.ts'
import {
  type QueryContext,
  runAggregate,
  runCount,
  runExists,
  runFirst,
  runList,
  runOne,
} from './run.ts'

/** The methods that send a query of entities. */
export abstract class QueryEnds<C extends AnyEntityClass> implements Embeddable {
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
    return runList(this.context, this.plan) as Promise<EntityOf<C>[]>
  }

  /** The first row, or null. Without an order it is any row. */
  first(): Promise<EntityOf<C> | null> {
    return runFirst(this.context, this.plan) as Promise<EntityOf<C> | null>
  }

  /**
   * The only row.
   *
   * @throws DataBridgeError `DATA_BRIDGE_ERR_NOT_FOUND` (404) without a row, `DATA_BRIDGE_ERR_MULTIPLE_ROWS` with several.
   */
  one(): Promise<EntityOf<C>> {
    return runOne(this.context, this.plan) as Promise<EntityOf<C>>
  }

  /** The number of rows. With a limit or offset: the number of rows on that page. */
  count(): Promise<number> {
    return runCount(this.context, this.plan)
  }

  /** Whether there is a row. */
  exists(): Promise<boolean> {
    return runExists(this.context, this.plan)
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
    const selected = selectedBy(this.plan, select, this.where('aggregate'))
    return runAggregate(this.context, this.plan, selected) as Promise<R[]>
  }

  /** @internal Refuses a query that is sent as JSON: the program forgot `toList()`, and it would be `{}`. */
  toJSON(): never {
    throw notSentError(`find(${this.plan.from.table.entityName})`)
  }

  /** @internal */
  [subQuery](): SubQuery {
    refuseEntityMethods(this.plan, 'a sub-query')
    if (this.plan.lock !== undefined) throw lockedError(this.plan)
    return {
      select: new Select(this.plan),
      values: undefined,
      label: `find(${this.plan.from.table.entityName})`,
    }
  }

  /** @internal */
  [joinedPart](): JoinedPart {
    const { select } = this[subQuery]()
    return { from: this.plan.from, rows: new Enclosed(select), selected: undefined }
  }

  /** @internal The method as messages name it. */
  protected where(method: string): string {
    return `find(${this.plan.from.table.entityName}).${method}()`
  }
}
