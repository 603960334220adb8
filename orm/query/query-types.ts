import type { AnyColumn, Column } from '../schema/column.ts'
import type { FieldsOf } from '../schema/relation.ts'
import type { Expression } from '../sql/node.ts'
import type { ColumnRef } from '../sql/ref-types.ts'

/**
 * The expressions of `select` and `aggregate`. `R` is the row that they give.
 *
 * The type checker infers `R` from them, so hovers, messages and declaration files show `{ id: number }`.
 * A relation is not an expression: the error is at its property.
 */
export type Selection<R> = { readonly [K in keyof R]: Expression<R[K]> }

/** What callbacks see of the rows of `select`: a column for each selected value. */
export type RowRefs<in out T> = { readonly [K in keyof T]: ColumnRef<T[K]> }

/** {@link RowRefs} behind a left join, which may find no row. */
export type OptionalRowRefs<in out T> = { readonly [K in keyof T]: ColumnRef<T[K] | null> }

/**
 * A query that can be joined to another one, or stand in it. `Refs` is what callbacks see of its rows, `Optional`
 * the same behind a left join.
 */
export interface Joinable<out Refs, out Optional> {
  /** For the type checker only. */
  readonly _refs?: Refs
  /** For the type checker only. */
  readonly _optional?: Optional
}

/** A query of plain rows, in a set operation. */
export interface RowsOf<out T> {
  /** For the type checker only. */
  readonly _row?: T
}

/** The same row with values that may be null. */
export type OrNull<T> = { readonly [K in keyof T]: T[K] | null }

/**
 * What `update` sets: values of columns, or expressions of them. The primary key cannot be changed.
 *
 * @example
 * ```ts
 * import type { Changes, EntityOf, Session } from 'fastify-data-bridge/orm'
 * import { Comment, Post } from './entities.ts'
 *
 * export function changeFirst<C extends typeof Post | typeof Comment>(
 *   session: Session,
 *   entity: C,
 *   changes: Changes<EntityOf<C>>,
 * ): Promise<number> {
 *   return session.find(entity).filter((row) => row.id.eq(1)).update(changes)
 * }
 * ```
 */
export type Changes<E> = {
  readonly [
    K in keyof FieldsOf<E> as FieldsOf<E>[K] extends AnyColumn
      ? FieldsOf<E>[K] extends Column<unknown, boolean, true, undefined>
        ? never
        : K
      : never
  ]?: ChangeOf<FieldsOf<E>[K]>
}

type ChangeOf<Field> = [Field] extends [Column<infer T, boolean, boolean, undefined>]
  ? T | Expression<T>
  : never

/** A callback that gives {@link Changes}. An unknown column beside a known one is an error too. */
export type ChangesBy<Row, E, S> = (
  row: Row,
) => S & Changes<E> & { readonly [K in Exclude<keyof S, keyof Changes<E>>]: never }

/** What `update` and `delete` give of each row: the new values, or those of the deleted row. */
export interface Returning<Row, R> {
  readonly returning: (row: Row) => Selection<R>
}
