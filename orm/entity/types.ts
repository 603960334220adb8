import type { AnyColumn, Column } from '../schema/column.ts'
import type {
  AnyEntityClass,
  ColumnName,
  ColumnNames,
  EntityOf,
  FieldsOf,
  RelationKind,
  RelationTo,
  RowOf,
} from '../schema/relation.ts'
import type { Entity } from './entity.ts'
import type { NewRowIn } from './new-row.ts'

export type { ColumnName, ColumnNames }

/*
 * How a table's declaration becomes types. The rules that keep them lazy; without them a ring of tables
 * overflows the checker, is circular, or slow:
 *
 * 1. What is evaluated while `class X extends table(…)` is resolved never looks behind an arrow: keys,
 *    column names and options are found by `extends Column<…>` alone, which a function fails by a
 *    missing property, its signature unseen.
 * 2. What names another table within `table(…)` is a thunk of type `Function`; what has to be checked
 *    about that table is checked by a call inside the thunk.
 * 3. Types of queries are written with the entity (`Refs<User>`), never with its class or its fields:
 *    the checker walks into type arguments that are anonymous types, and from a class through every table.
 * 4. Relations of a row or of references are members of a mapped type: each is resolved where it is asked for.
 */

/** What relations of both kinds are: `await` it, or read `value` where it is loaded. */
export interface Relation<T> extends PromiseLike<T> {
  /** Whether `value` can be read without a query. */
  readonly isLoaded: boolean
  /** The loaded value; throws `DATA_BRIDGE_ERR_RELATION_NOT_LOADED` where it is not loaded. */
  readonly value: T
  /** Loads the relation with one query, unless it is loaded already. */
  load(): Promise<T>
}

/** What `post.author` is. */
export interface ToOneRelation<T> extends Relation<T> {
  /**
   * Sets the foreign key, and both sides of the relation. A new entity is tracked with the other one. For a
   * relation whose foreign key is on the other side, such as `user.profile`, the relation has to be loaded.
   *
   * @example
   * ```ts
   * import type { Post, User } from './entities.ts'
   *
   * export function handOver(post: Post, user: User): void {
   *   post.author.set(user)
   * }
   * ```
   */
  set(entity: T): void
}

/** What `user.posts` is. */
export interface ToManyRelation<T> extends Relation<T[]> {
  /**
   * Adds entities, on both sides of the relation. New ones are tracked with the owner. The relation need not be
   * loaded.
   *
   * @example
   * ```ts
   * import { Post, type User } from './entities.ts'
   *
   * export function write(user: User, title: string): void {
   *   user.posts.add(new Post({ title, authorId: user.id }))
   * }
   * ```
   */
  add(...entities: readonly (T | readonly T[])[]): void
  /**
   * Takes entities out of the relation, on both sides: their foreign key becomes null, or the row of the link table
   * is deleted. What is not in the relation is left alone.
   *
   * @throws DataBridgeError `DATA_BRIDGE_ERR_ENTITY` if the foreign key cannot be null.
   */
  remove(...entities: readonly (T | readonly T[])[]): void
  /**
   * The number of related rows, counted by PostgreSQL. Sends nothing if the relation is loaded, or was counted by
   * `countload`. A list that a loader with a filter or a limit gave does not tell it.
   *
   * @throws DataBridgeError `DATA_BRIDGE_ERR_DETACHED` if the entity is not stored, or its session has ended.
   *
   * @example
   * ```ts
   * import type { User } from './entities.ts'
   *
   * export async function summary(user: User): Promise<string> {
   *   return `${user.name}: ${await user.posts.count()} posts`
   * }
   * ```
   */
  count(): Promise<number>
  /** Whether there is a related row. Sends nothing if the relation is loaded, or was counted by `countload`. */
  exists(): Promise<boolean>
}

export type ToManyKind = 'hasMany' | 'manyToMany'

/** What a to-one relation is whose foreign key is no column of its table: nothing that could be used by accident. */
export interface NoSuchColumn<Key> {
  readonly __noSuchColumn: Key
}

/** The type of a column's values. */
export type ValueOf<Field> = Field extends Column<infer T, boolean, boolean, undefined> ? T : never

/** The type of a column's property. */
type PropertyOf<Field> =
  Field extends Column<infer T, boolean, boolean, infer Unread> ? T | Unread : never

/** The names of the columns of the primary key. */
export type KeyNames<F> = {
  [K in keyof F]: F[K] extends Column<unknown, boolean, true, undefined> ? K : never
}[keyof F]

/** The names of the deferred columns. */
export type DeferredNames<F> = {
  [K in keyof F]: F[K] extends Column<unknown, boolean, boolean, infer Unread>
    ? [Unread] extends [never]
      ? never
      : K
    : never
}[keyof F]

/** The names of the columns that `new` asks for. */
export type RequiredNames<F> = {
  [K in keyof F]: F[K] extends Column<unknown, false, boolean, undefined> ? K : never
}[keyof F]

/** `null` where a to-one relation may be absent: `hasOne`, and `belongsTo` by a nullable column; `never` otherwise. */
export type Absent<F, Kind, Key> = Kind extends 'hasOne'
  ? null
  : Key extends keyof F
    ? Extract<ValueOf<F[Key]>, null>
    : NoSuchColumn<Key>

type RelationOf<Field, F> = Field extends () => RelationTo<infer Target, infer Kind, infer Key>
  ? Kind extends ToManyKind
    ? ToManyRelation<EntityOf<Target>>
    : ToOneRelation<EntityOf<Target> | Absent<F, Kind, Key>>
  : never

/** The properties of an entity. */
export type RowIn<F> = {
  -readonly [K in keyof F]: F[K] extends Column<infer T, boolean, boolean, infer Unread>
    ? T | Unread
    : RelationOf<F[K], F>
}

/** A relation named on its class, for loaders: `User.posts`. */
export interface RelationRef<in Table, out Target> {
  /** For the type checker only. Not the name of a loader's property: a relation is no loader. */
  readonly __owner: (name: Table) => void
  /** For the type checker only. */
  readonly __target: Target
}

type RelationStatics<F, Name> = {
  readonly [K in keyof F as F[K] extends AnyColumn ? never : K]: F[K] extends () => RelationTo<
    infer Target,
    infer _Kind extends RelationKind,
    infer _Key
  >
    ? RelationRef<Name, EntityOf<Target>>
    : never
}

/** What the class of a table is without what the root of the library adds to it. */
export type EntityClass<F, Name extends string = string> = {
  new (values: NewRowIn<F>): RowIn<F> & Entity & RowOf<Name, F>
} & RelationStatics<F, Name>

/** The name of an entity's table. */
export type TableOf<E> = E extends RowOf<infer Name, unknown> ? Name : never

type IsUnion<U, All = U> = U extends unknown ? ([All] extends [U] ? false : true) : never

type KeyIn<F, N extends keyof F = KeyNames<F>> =
  IsUnion<N> extends true ? { readonly [K in N]: ValueOf<F[K]> } : ValueOf<F[N]>

/**
 * The primary key of an entity: `Key<User>` is a `number`, of a composite key it is an object with
 * each of its columns, such as `{ followerId: 1, followeeId: 2 }`.
 */
export type Key<E> = KeyIn<FieldsOf<E>>

type ValuesIn<F> = {
  -readonly [K in keyof F as F[K] extends AnyColumn ? K : never]: PropertyOf<F[K]>
}

/** The columns of an entity as plain data: `Row<typeof User>`. */
export type Row<C extends AnyEntityClass> = ValuesIn<FieldsOf<EntityOf<C>>>

/** What `new User({ … })` takes: `NewRow<typeof User>`. */
export type NewRow<C extends AnyEntityClass> = NewRowIn<FieldsOf<EntityOf<C>>>
