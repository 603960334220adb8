import type { Column } from './column.ts'
import type { Entity } from './entity.ts'
import type { AnyEntityClass, EntityOf, RelationTo } from './relation.ts'

/* oxlint-disable typescript/no-explicit-any, typescript/no-unsafe-function-type -- `any` matches every column; for `Function` see below */

/*
 * How a table's declaration becomes types. `Function` and not `() => RelationTo<…>` for relations:
 * a call signature here would make the checker resolve every arrow while it infers, one table into
 * the next, until its stack overflows.
 */

export type Fields = Record<string, Column<any, boolean> | Function>

/** Every column, whatever its values are. */
export type AnyColumn = Column<any, boolean>

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
type Loaded<Field, All> = Field extends () => RelationTo<infer Target, infer Kind, infer Key>
  ? Kind extends 'hasMany'
    ? EntityOf<Target>[]
    : Key extends keyof All
      ? All[Key] extends Column<infer T, boolean>
        ? null extends T
          ? EntityOf<Target> | null
          : EntityOf<Target>
        : never
      : never
  : never

/** The properties of an entity. */
export type Row<F> = {
  -readonly [K in keyof F]: F[K] extends Column<infer T, boolean> ? T : Relation<Loaded<F[K], F>>
}

type Value<F, K extends keyof F> = F[K] extends Column<infer T, boolean> ? T : never

type RequiredColumns<F> = { [K in keyof F]: F[K] extends Column<any, false> ? K : never }[keyof F]
type OptionalColumns<F> = { [K in keyof F]: F[K] extends Column<any, true> ? K : never }[keyof F]

/** The relations whose foreign key is a column of this very table. */
type References<F> = {
  [K in keyof F]: F[K] extends () => RelationTo<AnyEntityClass, 'belongsTo', infer Key>
    ? Key extends keyof F
      ? K
      : never
    : never
}[keyof F]

type ForeignKeyOf<F, K extends keyof F> = F[K] extends () => RelationTo<
  AnyEntityClass,
  'belongsTo',
  infer Key
>
  ? Key & keyof F
  : never

type ForeignKeys<F> = { [K in References<F>]: ForeignKeyOf<F, K> }[References<F>]

/** A foreign key, or the entity that it refers to. */
type KeyOrEntity<F, K extends keyof F, Key extends keyof F> =
  F[Key] extends Column<infer T, infer Optional>
    ? Optional extends true
      ? { [P in Key]?: T } & { [P in K]?: Loaded<F[K], F> }
      : | ({ [P in Key]: T } & { [P in K]?: never })
        | ({ [P in K]: Loaded<F[K], F> } & { [P in Key]?: never })
    : never

// Each member is in a tuple, since it may be a union itself, which would be taken apart.
type Intersection<U extends readonly [unknown]> = (
  U extends readonly [infer One] ? (one: One) => void : never
) extends (all: infer I) => void
  ? I
  : never

/** What `new User({ … })` takes: exactly the columns that have no default, are not nullable and not generated. */
export type NewRow<F> = { [K in Exclude<RequiredColumns<F>, ForeignKeys<F>>]: Value<F, K> } & {
  [K in Exclude<OptionalColumns<F>, ForeignKeys<F>>]?: Value<F, K> | undefined
} & ([References<F>] extends [never]
    ? unknown
    : Intersection<
        { [K in References<F>]: [KeyOrEntity<F, K, ForeignKeyOf<F, K>>] }[References<F>]
      >)

/** A relation named on its class, for loaders: `User.posts`. */
export interface RelationRef<in Owner, Target extends AnyEntityClass> {
  readonly __owner?: (owner: Owner) => void
  readonly __target?: Target
}

type RelationStatics<F> = {
  readonly [K in keyof F as F[K] extends AnyColumn ? never : K]: F[K] extends () => RelationTo<
    infer Target,
    infer _Kind
  >
    ? RelationRef<Row<F>, Target>
    : never
}

declare const fields: unique symbol

/** The class that {@link table} gives; `class User extends table(…) {}` is the entity. */
export type TableClass<F> = {
  new (values: NewRow<F>): Row<F> & Entity
  readonly [fields]: F
} & RelationStatics<F>

/** The fields that an entity class was declared with. */
export type FieldsOf<C> = C extends { readonly [fields]: infer F } ? F : never

/** The type of an entity's primary key: a number, string or bigint. */
export type Key = number | string | bigint
