import type { Expression, Condition, Order } from '../sql/node.ts'
import { requireCount } from '../sql/callbacks.ts'
import type { ValueQuery } from '../sql/ref-types.ts'
import { distinct, filtered, grouped, ordered, selectedBy, selectedRows } from './callbacks.ts'
import { joinTo } from './join.ts'
import { JoinedQuery } from './joined-query.ts'
import type { QueryPlan } from './plan.ts'
import type {
  Joinable,
  OptionalRowRefs,
  OrNull,
  RowRefs,
  RowsOf,
  Selection,
} from './query-types.ts'
import { opened, type RowsQuery, withoutPage } from './rows-query.ts'
import { RowsEnds } from './rows-ends.ts'
import { type QueryContext, runAggregate } from './run.ts'
import { combined, type CteOptions, named, recursive, type RecursiveOptions } from './combined.ts'
import { GroupedRows } from './grouped-rows.ts'
import type { SetOperation } from '../sql/row-queries.ts'

/**
 * The result of {@link Query.select}: a query of plain rows. Immutable. Its callbacks see the selected values.
 *
 * @example
 * ```ts
 * import { over, rank, type Session } from 'fastify-data-bridge/orm'
 * import { Post } from './entities.ts'
 *
 * export function bestThreePerAuthor(session: Session) {
 *   return session.find(Post)
 *     .select((post) => ({
 *       title: post.title,
 *       authorId: post.authorId,
 *       place: over(rank(), { partitionBy: post.authorId, orderBy: post.likes.desc() }),
 *     }))
 *     .filter((row) => row.place.lte(3))
 *     .orderBy((row) => [row.authorId.asc(), row.place.asc()])
 *     .toList()
 * }
 * ```
 */
export class Rows<T>
  extends RowsEnds<T>
  implements RowsOf<T>, ValueQuery<T[keyof T]>, Joinable<RowRefs<T>, OptionalRowRefs<T>>
{
  /** For the type checker only. */
  declare readonly _row?: T
  /** For the type checker only. */
  declare readonly _value?: T[keyof T]
  /** For the type checker only. */
  declare readonly _refs?: RowRefs<T>
  /** For the type checker only. */
  declare readonly _optional?: OptionalRowRefs<T>

  /** Keeps only rows whose selected values match. */
  filter(...filters: readonly ((row: RowRefs<T>) => Condition)[]): Rows<T> {
    const query = opened(this.query)
    return this.#with({ ...query, plan: filtered(query.plan, filters, this.where('filter')) })
  }

  /** Sets the order of the rows by selected values, and replaces an earlier order. */
  orderBy(by: (row: RowRefs<T>) => Order | readonly Order[]): Rows<T> {
    const query = opened(this.query)
    return this.#with({ ...query, plan: ordered(query.plan, by, this.where('orderBy')) })
  }

  /** Gives at most `rows` rows. */
  limit(rows: number): Rows<T> {
    return this.#change({ limit: requireCount(rows, this.where('limit')) })
  }

  /** Skips `rows` rows at the start. */
  offset(rows: number): Rows<T> {
    return this.#change({ offset: requireCount(rows, this.where('offset')) })
  }

  /**
   * Gives equal rows once. With a callback: of the rows that are equal in these values the first one in the order, which
   * has to begin with these values.
   */
  distinct(
    on?: (row: RowRefs<T>) => Expression<unknown> | readonly Expression<unknown>[],
  ): Rows<T> {
    const query = on === undefined ? withoutPage(this.query) : opened(this.query)
    return this.#with({ ...query, plan: distinct(query.plan, on, this.where('distinct')) })
  }

  /** Sets the groups of {@link GroupedRows.select} and {@link GroupedRows.aggregate}. */
  groupBy(
    by: (row: RowRefs<T>) => Expression<unknown> | readonly Expression<unknown>[],
  ): GroupedRows<T> {
    const query = opened(this.query)
    const plan = grouped(query.plan, by, this.where('groupBy'))
    return new GroupedRows(this.context, plan, this.where('select'), makeRows)
  }

  /** Plain rows of values of the selected values. */
  select<R>(select: (row: RowRefs<T>) => Selection<R>): Rows<R> {
    const { plan } = opened(this.query)
    return makeRows(this.context, selectedRows(plan, select, this.where('select')))
  }

  /** One row of aggregates of all rows. */
  aggregate<R>(select: (row: RowRefs<T>) => Selection<R>): Promise<R[]> {
    const { plan } = opened(this.query)
    const selected = selectedBy(plan, select, this.where('aggregate'))
    return runAggregate(this.context, plan, selected) as Promise<R[]>
  }

  /** The rows of both queries; equal rows once. Both select the same properties. */
  union<U extends OrNull<T>>(other: RowsOf<U>): Rows<{ [K in keyof T]: T[K] | U[K] }> {
    return this.#combined('union', other)
  }

  /** The rows of both queries. */
  unionAll<U extends OrNull<T>>(other: RowsOf<U>): Rows<{ [K in keyof T]: T[K] | U[K] }> {
    return this.#combined('union all', other)
  }

  /** The rows that both queries have; equal rows once. */
  intersect(other: RowsOf<OrNull<T>>): Rows<T> {
    return this.#combined('intersect', other)
  }

  /** The rows that the other query does not have; equal rows once. */
  except(other: RowsOf<OrNull<T>>): Rows<T> {
    return this.#combined('except', other)
  }

  /**
   * Joins the rows of another query: those pairs that match.
   *
   * @param on the condition; it sees the values of both
   */
  join<J>(
    other: Joinable<J, unknown>,
    on: (row: RowRefs<T>, joined: J) => Condition,
  ): JoinedQuery<[RowRefs<T>, J]> {
    return this.#joined('join', other, on)
  }

  /** As {@link join}, and rows without a match once, with NULL in place of the other's values. */
  leftJoin<J>(
    other: Joinable<unknown, J>,
    on: (row: RowRefs<T>, joined: J) => Condition,
  ): JoinedQuery<[RowRefs<T>, J]> {
    return this.#joined('left join', other, on)
  }

  /**
   * The same rows, which a statement reads once, however often it uses them: a common table expression (WITH).
   *
   * @example
   * ```ts
   * import { count, type Session } from 'fastify-data-bridge/orm'
   * import { Post, User } from './entities.ts'
   *
   * export function busyAuthors(session: Session) {
   *   const busy = session.find(Post)
   *     .groupBy((post) => post.authorId)
   *     .select((post) => ({ authorId: post.authorId, posts: count() }))
   *     .cte()
   *   return session.find(User)
   *     .join(busy, (user, row) => row.authorId.eq(user.id))
   *     .filter((_, row) => row.posts.gt(10))
   *     .select((user, row) => ({ name: user.name, posts: row.posts }))
   *     .toList()
   * }
   * ```
   */
  cte(options: CteOptions = {}): Rows<T> {
    return this.#with(named(this.query, options, this.where('cte')))
  }

  /**
   * These rows, and those that a query makes of them, of its own rows again, until there are no new ones: WITH
   * RECURSIVE. Equal rows count once, unless `all` is true.
   *
   * @param next makes the query of the next rows of those before
   *
   * @example
   * ```ts
   * import { integer, type Session, sql, table, text } from 'fastify-data-bridge/orm'
   *
   * class Employee extends table('employees', {
   *   id: integer().primaryKey(),
   *   name: text(),
   *   managerId: integer().nullable().references(() => Employee),
   * }) {}
   *
   * export function everyoneBelow(session: Session, id: number) {
   *   return session.find(Employee)
   *     .filter({ managerId: id })
   *     .select((employee) => ({ id: employee.id, name: employee.name, depth: sql<number>`1` }))
   *     .recursive((above) =>
   *       session.find(Employee)
   *         .join(above, (employee, manager) => employee.managerId.eq(manager.id))
   *         .select((employee, manager) => ({
   *           id: employee.id,
   *           name: employee.name,
   *           depth: sql<number>`${manager.depth} + 1`,
   *         })),
   *     )
   *     .orderBy((row) => [row.depth.asc(), row.id.asc()])
   *     .toList()
   * }
   * ```
   */
  recursive(next: (before: Rows<T>) => RowsOf<T>, options: RecursiveOptions = {}): Rows<T> {
    const rowsOf = (before: RowsQuery): Rows<T> => this.#with(before)
    return this.#with(recursive(this.query, next, rowsOf, options, this.where('recursive')))
  }

  #combined<R>(operation: SetOperation, other: unknown): Rows<R> {
    return new Rows<R>(
      this.context,
      combined(
        this.query,
        operation,
        other,
        this.where(operation === 'union all' ? 'unionAll' : operation),
      ),
    )
  }

  #joined<J>(
    word: 'join' | 'left join',
    other: unknown,
    on: unknown,
  ): JoinedQuery<[RowRefs<T>, J]> {
    const { plan } = opened(this.query)
    const where = this.where(word === 'join' ? 'join' : 'leftJoin')
    return new JoinedQuery(
      this.context,
      joinTo(plan, other, word, on, where),
      this.where('select'),
      makeRows,
    )
  }

  #change(change: Partial<QueryPlan>): Rows<T> {
    return this.#with({ ...this.query, plan: { ...this.query.plan, ...change } })
  }

  #with(query: RowsQuery): Rows<T> {
    return new Rows<T>(this.context, query)
  }
}

/** A query of plain rows. */
export function makeRows<R>(context: QueryContext, query: RowsQuery): Rows<R> {
  return new Rows<R>(context, query)
}
