import { DataBridgeError } from '../errors.ts'
import type { AnyColumn, Column } from '../schema/column.ts'
import { tableOf } from '../schema/table-of.ts'
import type { AnyEntityClass, EntityOf, FieldsOf } from '../schema/relation.ts'
import type { TableOf } from '../entity/types.ts'
import { type AnyLoader, type Loader, requireLoaders } from '../relations/loader.ts'
import type { Condition, Expression, Order } from '../sql/node.ts'
import type { Refs } from '../sql/refs.ts'
import type { Sql } from '../sql/template.ts'
import {
  callWithRefs,
  conditionsOf,
  expressionsOf,
  ordersOf,
  planFor,
  type QueryPlan,
  requireCount,
} from './plan.ts'
import {
  type QueryContext,
  runAggregate,
  runCount,
  runExists,
  runFirst,
  runList,
  runOne,
} from './run.ts'

/** `{ active: true, name: ['Ann', 'Bob'], age: null }`: equality, IN, IS NULL; nothing else. */
export type Matches<E> = {
  readonly [K in keyof FieldsOf<E> as FieldsOf<E>[K] extends AnyColumn ? K : never]?: MatchOf<
    FieldsOf<E>[K]
  >
}

type MatchOf<Field> = [Field] extends [Column<infer T, boolean, boolean>]
  ? T | readonly NonNullable<T>[]
  : never

/** What `filter` takes: an object of values, or a callback that gives a condition. */
export type Filter<E> = Matches<E> | ((row: Refs<E>) => Condition)

/** The rows of an aggregate, with the types of its expressions. */
export type Selected<S> = { -readonly [K in keyof S]: ResultOf<S[K]> }

// Of a template the type is known by its argument alone, since no property of it has that type.
type ResultOf<E> = E extends Sql<infer T> ? T : E extends Expression<infer T> ? T : never

/**
 * A query of one entity. Immutable: each method gives a new query; nothing is sent before one of
 * `toList`, `first`, `one`, `count`, `exists` and `aggregate` is called.
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
export class Query<C extends AnyEntityClass> {
  readonly #context: QueryContext
  readonly #plan: QueryPlan

  /** @internal Queries are made by `session.find(…)`. */
  constructor(context: QueryContext, plan: QueryPlan) {
    this.#context = context
    this.#plan = plan
  }

  static of<C extends AnyEntityClass>(context: QueryContext, entity: C): Query<C> {
    return new Query<C>(context, planFor(tableOf(entity)))
  }

  /**
   * Only rows for which all of these hold, and those of earlier calls. `undefined` as a value is an
   * error, since it would silently match every row.
   */
  filter(...filters: readonly Filter<EntityOf<C>>[]): Query<C> {
    const added = filters.flatMap((filter) => conditionsOf(this.#plan.table, filter))
    return this.#with({ conditions: [...this.#plan.conditions, ...added] })
  }

  /** The order of the rows; replaces an earlier one. */
  orderBy(by: (row: Refs<EntityOf<C>>) => Order | readonly Order[]): Query<C> {
    return this.#with({ orders: ordersOf(this.#plan.table, by) })
  }

  /** At most so many rows. */
  limit(rows: number): Query<C> {
    return this.#with({ limit: requireCount(rows, this.#where('limit')) })
  }

  /** Leaves out so many rows at the start. */
  offset(rows: number): Query<C> {
    return this.#with({ offset: requireCount(rows, this.#where('offset')) })
  }

  /** Relations that are loaded with the rows: `selectinload(User.posts)`. */
  options(...loaders: readonly Loader<TableOf<EntityOf<C>>, unknown>[]): Query<C> {
    requireLoaders(loaders, this.#plan.table, this.#where('options'))
    return this.#with({ loaders: [...this.#plan.loaders, ...(loaders as readonly AnyLoader[])] })
  }

  /** What {@link aggregate} groups by. */
  groupBy(
    by: (row: Refs<EntityOf<C>>) => Expression<unknown> | readonly Expression<unknown>[],
  ): Query<C> {
    const where = this.#where('groupBy')
    const groups = [callWithRefs(this.#plan.table, by, where)].flat()
    return this.#with({ groups: expressionsOf(groups, where) })
  }

  /** All rows, as entities. */
  toList(): Promise<InstanceType<C>[]> {
    return runList(this.#context, this.#plan) as Promise<InstanceType<C>[]>
  }

  /** The first row, or null. Without an order it is any row. */
  first(): Promise<InstanceType<C> | null> {
    return runFirst(this.#context, this.#plan) as Promise<InstanceType<C> | null>
  }

  /**
   * The only row.
   *
   * @throws DataBridgeError `DATA_BRIDGE_ERR_NOT_FOUND` (404) of none, `DATA_BRIDGE_ERR_MULTIPLE_ROWS` of several.
   */
  one(): Promise<InstanceType<C>> {
    return runOne(this.#context, this.#plan) as Promise<InstanceType<C>>
  }

  /** How many rows there are; with a limit or offset, how many are on that page. */
  count(): Promise<number> {
    return runCount(this.#context, this.#plan)
  }

  /** Whether there is a row. */
  exists(): Promise<boolean> {
    return runExists(this.#context, this.#plan)
  }

  /**
   * Values instead of entities: one row, or one for each group of {@link groupBy}.
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
  aggregate<S extends Record<string, Expression<unknown>>>(
    select: (row: Refs<EntityOf<C>>) => S,
  ): Promise<Selected<S>[]> {
    const where = this.#where('aggregate')
    const selected = callWithRefs(this.#plan.table, select, where) as S
    expressionsOf(Object.values(selected ?? {}), where)
    return runAggregate(this.#context, this.#plan, selected) as Promise<Selected<S>[]>
  }

  /** @internal A query that is answered as it is, without one of its last methods, would be `{}`. */
  toJSON(): never {
    throw new DataBridgeError(
      'DATA_BRIDGE_ERR_QUERY',
      `find(${this.#plan.table.entityName}) was to be written as JSON; it is a query that was not sent: ` +
        'call toList(), first() or another of its last methods, and await it',
    )
  }

  #where(method: string): string {
    return `find(${this.#plan.table.entityName}).${method}()`
  }

  #with(change: Partial<QueryPlan>): Query<C> {
    return new Query<C>(this.#context, { ...this.#plan, ...change })
  }
}
