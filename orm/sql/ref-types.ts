import type { Absent, ToManyKind } from '../entity/types.ts'
import type { AnyColumn, Column } from '../schema/column.ts'
import type { EntityOf, FieldsOf, RelationTo } from '../schema/relation.ts'
import type { Condition, Expression, Order } from './node.ts'
import type { TextOptions } from './text-operators.ts'

/*
 * What the callbacks of queries see. Everything here is written with the entity (`Refs<User>`), never
 * with its class, and relations are members of a mapped type: see the rules in entity/types.ts.
 *
 * `in out`: otherwise the checker finds the references of any entity to fit those of every other.
 */

/** A value of type `T` that can be compared and sorted: a column, or `post.comments.count()`. */
export interface Operand<out T> extends Expression<T> {
  /** Equal; `eq(null)` means IS NULL. */
  eq(value: T | Expression<T | null>): Condition
  /** Not equal; `ne(null)` means IS NOT NULL. */
  ne(value: T | Expression<T | null>): Condition
  /** Greater than. */
  gt(value: NonNullable<T> | Expression<T | null>): Condition
  /** Greater than or equal. */
  gte(value: NonNullable<T> | Expression<T | null>): Condition
  /** Less than. */
  lt(value: NonNullable<T> | Expression<T | null>): Condition
  /** Less than or equal. */
  lte(value: NonNullable<T> | Expression<T | null>): Condition
  /** Equal to one of the values, or to one that a query selects. An empty list matches no row. */
  in(values: readonly NonNullable<T>[] | ValueQuery<T | null>): Condition
  /** Equal to none of the values, or to none that a query selects; NULL is no value. An empty list matches every row. */
  notIn(values: readonly NonNullable<T>[] | ValueQuery<T | null>): Condition
  /** Between both values, which are included. */
  between(
    low: NonNullable<T> | Expression<T | null>,
    high: NonNullable<T> | Expression<T | null>,
  ): Condition
  /** Is NULL. */
  isNull(): Condition
  /** Is not NULL. */
  isNotNull(): Condition
  /** Smallest first. */
  asc(): Order
  /** Largest first. */
  desc(): Order
}

/** A query of one value, in another query: `session.find(Post).select((post) => ({ id: post.authorId }))`. */
export interface ValueQuery<out T> {
  /** For the type checker only. */
  readonly _value?: T
}

// Operators of one kind of column have a `this`: one interface for all columns is made once for each `T`.
/** Operators of texts. A NULL matches nothing. */
export interface TextOperators {
  /** Matches a pattern: `%` is any text, `_` is one character, `\\` before one of them takes it as it is. See `escapeLike`. */
  like(this: Expression<string | null>, pattern: string): Condition
  /** Like {@link like}, but ignores case. */
  ilike(this: Expression<string | null>, pattern: string): Condition
  /** Begins with the text, in which no character is a wildcard. */
  startsWith(this: Expression<string | null>, text: string, options?: TextOptions): Condition
  /** Ends with the text, in which no character is a wildcard. */
  endsWith(this: Expression<string | null>, text: string, options?: TextOptions): Condition
  /** Has the text in it, in which no character is a wildcard. */
  includes(this: Expression<string | null>, text: string, options?: TextOptions): Condition
}

/** A column in a callback of a query: `(user) => user.age.gt(18)`. A NULL matches nothing. */
export interface ColumnRef<out T> extends Operand<T>, TextOperators {
  /** An array has all of the values, in any order; a JSON document has the parts, as deep as they are given. */
  contains<Value>(
    this: Expression<Value>,
    value: NoInfer<PartOf<Value> | Expression<Value | null>>,
  ): Condition
  /** All items of the array are among the values; all parts of a JSON document are in the value. */
  containedBy<Value>(
    this: Expression<Value>,
    value: NoInfer<PartOf<Value> | Expression<Value | null>>,
  ): Condition
  /** The array and the values have an item in common. */
  overlaps<Item>(
    this: Expression<readonly Item[] | null>,
    values: NoInfer<readonly Item[] | Expression<readonly Item[] | null>>,
  ): Condition
  /** The value is one of the items of the array. */
  has<Item>(
    this: Expression<readonly Item[] | null>,
    value: NoInfer<NonNullable<Item> | Expression<Item | null>>,
  ): Condition
  /** The number of items of the array. */
  length<Value extends readonly unknown[] | null>(
    this: Expression<Value>,
  ): Operand<number | Extract<Value, null>>
  /** The JSON document is an object with the key, or a list with the string in it. */
  hasKey<Value>(this: DocumentRef<Value>, key: string): Condition
  /** Like {@link hasKey}, with at least one of the keys. */
  hasAnyKey<Value>(this: DocumentRef<Value>, keys: readonly string[]): Condition
  /** Like {@link hasKey}, with all of the keys. */
  hasAllKeys<Value>(this: DocumentRef<Value>, keys: readonly string[]): Condition
  /**
   * What the JSON document has at a path of keys and positions: `row.settings.at('tags', 0).eq('a')`. NULL if
   * there is nothing, which a `null` in the document is not.
   */
  at<Value, const Path extends readonly (string | number)[]>(
    this: DocumentRef<Value>,
    ...path: Path
  ): ColumnRef<ValueAt<Value, Path> | null>
  /** Like {@link at}, but as text: a string without quotes, anything else as JSON. NULL also of `null`. */
  textAt<Value>(
    this: DocumentRef<Value>,
    ...path: readonly (string | number)[]
  ): ColumnRef<string | null>
  /**
   * A JSON path is true of the document: `matchesPath('$.age > 18')`. Values belong into variables:
   * `matchesPath('$.age > $least', { least: 18 })`. A path that is no predicate matches nothing.
   */
  matchesPath<Value>(
    this: DocumentRef<Value>,
    path: string,
    variables?: Readonly<Record<string, unknown>>,
  ): Condition
}

/** What an array or a JSON document may contain: some of its items, parts of its objects. Other values contain nothing. */
type PartOf<T> = unknown extends T
  ? unknown
  : T extends readonly (infer Item)[]
    ? readonly ItemPart<Item>[]
    : T extends Date | Uint8Array | null
      ? never
      : T extends object
        ? { readonly [K in keyof T]?: ItemPart<T[K]> }
        : never

type ItemPart<T> = T extends Date | Uint8Array ? T : T extends object ? PartOf<T> : T

/** What a document has at a path. */
type ValueAt<T, Path extends readonly unknown[]> = Path extends readonly [infer Key, ...infer Rest]
  ? ValueAt<MemberOf<NonNullable<T>, Key>, Rest>
  : Path extends readonly []
    ? T
    : unknown

type MemberOf<T, Key> = unknown extends T
  ? unknown
  : T extends readonly (infer Item)[]
    ? Item
    : Key extends keyof T
      ? Exclude<T[Key], undefined>
      : unknown

// No inference from the second part: it says whether the value may be a document.
type DocumentRef<Value> = Expression<Value> & ([PartOf<Value>] extends [never] ? never : unknown)

/**
 * The argument of a query's callback: the columns and relations of an entity.
 *
 * @example
 * ```ts
 * import type { Condition, Refs } from 'fastify-data-bridge/orm'
 * import { Post } from './entities.ts'
 *
 * export const popular = (post: Refs<Post>): Condition => post.likes.gt(100)
 * ```
 */
export type Refs<in out E> = {
  readonly [K in keyof FieldsOf<E>]: FieldsOf<E>[K] extends AnyColumn
    ? RefOf<FieldsOf<E>[K]>
    : RelationRefOf<FieldsOf<E>[K], FieldsOf<E>>
}

/** {@link Refs} behind a to-one relation that may be absent: every column may be null. */
export type OptionalRefs<in out E> = {
  readonly [K in keyof FieldsOf<E>]: FieldsOf<E>[K] extends AnyColumn
    ? OptionalRefOf<FieldsOf<E>[K]>
    : OptionalRelationRefOf<FieldsOf<E>[K]>
}

/**
 * {@link Refs} by the class of the entity. In generic code (`C extends typeof User | typeof Post`) it
 * has the members that all classes share; `Refs<EntityOf<C>>` has none.
 */
export type RefsOf<C> = C extends { readonly prototype: infer E } ? Refs<E> : never

/** The columns of a table without its relations, by the table's fields: the argument of a CHECK. */
export type ColumnRefs<F> = {
  readonly [K in keyof F as F[K] extends AnyColumn ? K : never]: RefOf<F[K]>
}

// Of the field alone: the reference of a `Column<string>` is found once for all tables.
type RefOf<Field> = [Field] extends [Column<infer T, boolean, boolean, undefined>]
  ? ColumnRef<T>
  : never

type OptionalRefOf<Field> = [Field] extends [Column<infer T, boolean, boolean, undefined>]
  ? ColumnRef<T | null>
  : never

type RelationRefOf<Field, F> = Field extends () => RelationTo<infer Target, infer Kind, infer Key>
  ? Kind extends ToManyKind
    ? ToMany<EntityOf<Target>>
    : ToOneBy<Absent<F, Kind, Key>, EntityOf<Target>>
  : never

type ToOneBy<A, E> = [A] extends [never]
  ? ToOne<E>
  : [A] extends [null]
    ? OptionalToOne<E>
    : Exclude<A, null>

type OptionalRelationRefOf<Field> = Field extends () => RelationTo<
  infer Target,
  infer Kind,
  infer _Key
>
  ? Kind extends ToManyKind
    ? ToMany<EntityOf<Target>>
    : OptionalToOne<EntityOf<Target>>
  : never

/** A relation to many rows: `(user) => user.posts.any((post) => post.likes.gt(10))`. */
export interface ToMany<in out E> {
  /** At least one related row matches. Without a condition: at least one exists. */
  any(where?: (row: Refs<E>) => Condition): Condition
  /** No related row matches. Without a condition: none exists. */
  none(where?: (row: Refs<E>) => Condition): Condition
  /** Every related row matches. True if there are no related rows. */
  every(where: (row: Refs<E>) => Condition): Condition
  /** How many related rows match. Without a condition: how many exist. */
  count(where?: (row: Refs<E>) => Condition): Operand<number>
  /**
   * A value of each related row, for `select()`: in the order of their key, if there is no other. Without related
   * rows: an empty array.
   *
   * @example
   * ```ts
   * import type { Session } from 'fastify-data-bridge/orm'
   * import { Post } from './entities.ts'
   *
   * export function overview(session: Session) {
   *   return session.find(Post)
   *     .select((post) => ({ title: post.title, comments: post.comments.list((comment) => comment.body) }))
   *     .toList() // { title: string, comments: string[] }[]
   * }
   * ```
   */
  list<T>(value: (row: Refs<E>) => Expression<T>, options?: ListOptions<E>): Expression<T[]>
}

/** Options of {@link ToMany.list}. */
export interface ListOptions<in out E> {
  /** Only of rows that match. */
  readonly filter?: ((row: Refs<E>) => Condition) | undefined
  readonly orderBy?: ((row: Refs<E>) => Order | readonly Order[]) | undefined
}

/** A relation to one row: the columns and relations of its target, and `has`. */
export type ToOne<E> = Refs<E> & Has<E>

/** A relation to one row that may be absent: like {@link ToOne}, but its columns may be null. */
export type OptionalToOne<E> = OptionalRefs<E> & Has<E>

/** The test of a to-one relation as a whole: `(user) => user.manager.has((manager) => manager.age.gt(50))`. */
export interface Has<in out E> {
  /** The related row exists and matches. Without a condition: it exists. */
  has(where?: (row: Refs<E>) => Condition): Condition
}

/** Values that columns equal: `{ active: true, name: ['Ann', 'Bob'], age: null }` is `=`, `IN` and `IS NULL`. */
export type Matches<E> = {
  readonly [K in keyof FieldsOf<E> as FieldsOf<E>[K] extends AnyColumn ? K : never]?: MatchOf<
    FieldsOf<E>[K]
  >
}

type MatchOf<Field> = [Field] extends [Column<infer T, boolean, boolean, undefined>]
  ? T | readonly NonNullable<T>[]
  : never

/** The argument of `filter`: values that columns equal, or a callback that returns a condition. */
export type Filter<E> = Matches<E> | ((row: Refs<E>) => Condition)
