import type { AnyColumn, Column } from '../schema/column.ts'
import type { Entity } from './entity.ts'
import type { NewRow } from './new-row.ts'
import type { EntityOf, RelationTo } from '../schema/relation.ts'

/** What `user.posts` is: `await` it, or read `value` where it is loaded. */
export interface Relation<T> extends PromiseLike<T> {
  /** Whether `value` can be read without a query. */
  readonly isLoaded: boolean
  /** The loaded value; throws `DATA_BRIDGE_ERR_RELATION_NOT_LOADED` where it is not loaded. */
  readonly value: T
  /** Loads the relation with one query, unless it is loaded already. */
  load(): Promise<T>
}

/** A to-one relation is as nullable as its foreign key. */
export type Loaded<Field, All> = Field extends () => RelationTo<infer Target, infer Kind, infer Key>
  ? Kind extends 'hasMany'
    ? EntityOf<Target>[]
    : Key extends keyof All
      ? All[Key] extends Column<infer T, boolean>
        ? null extends T
          ? EntityOf<Target> | null
          : EntityOf<Target>
        : never
      : NoSuchColumn<Key>
  : never

/** What a relation loads whose foreign key is no column of its table: nothing that could be used by accident. */
interface NoSuchColumn<Key> {
  readonly __noSuchColumn: Key
}

/** The type of a column's values. */
export type ValueOf<Field> = Field extends Column<infer T, boolean> ? T : never

/** The names of a table's columns. */
export type ColumnNames<F> = { [K in keyof F]: F[K] extends AnyColumn ? K : never }[keyof F]

/** The names of the columns that `new` asks for. */
export type RequiredNames<F> = {
  [K in keyof F]: F[K] extends Column<unknown, false> ? K : never
}[keyof F]

export type RelationNames<F> = Exclude<keyof F, ColumnNames<F>>

/** The properties of an entity. */
export type Row<F> = {
  -readonly [K in keyof F]: F[K] extends Column<infer T, boolean> ? T : Relation<Loaded<F[K], F>>
}

/** A relation named on its class, for loaders: `User.posts`. */
export interface RelationRef<in Table, out Target> {
  /** For the type checker only. */
  readonly __table: (name: Table) => void
  /** For the type checker only. */
  readonly __target: Target
}

type RelationStatics<F, Name> = {
  readonly [K in keyof F as F[K] extends AnyColumn ? never : K]: F[K] extends () => RelationTo<
    infer Target,
    infer _Kind
  >
    ? RelationRef<Name, EntityOf<Target>>
    : never
}

/** What the type checker knows an entity by. Protected, so that it is neither in `keyof User` nor in `{ ...user }`. */
export declare class RowOf<out Name, out F> {
  protected readonly __table: Name
  protected readonly __fields: F
}

/** What the class of a table is without what the root of the library adds to it. */
export type EntityClass<F, Name extends string = string> = {
  new (
    values: NewRow<F> extends infer V ? { [K in keyof V]: V[K] } : never,
  ): Row<F> & Entity & RowOf<Name, F>
} & RelationStatics<F, Name>

/** The fields that an entity was declared with, found by the entity (`User`) or by its class (`typeof User`). */
export type FieldsOf<E> =
  E extends RowOf<unknown, infer F>
    ? F
    : E extends { readonly prototype: RowOf<unknown, infer F> }
      ? F
      : never

/** The name of an entity's table. */
export type TableOf<E> = E extends RowOf<infer Name, unknown> ? Name : never

/** The type of an entity's primary key: a number, string or bigint. */
export type Key = number | string | bigint
