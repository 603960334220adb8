import type { Column } from './column.ts'
import type { Entity } from './entity.ts'
import type { AnyEntityClass, EntityOf, RelationTo } from './relation.ts'

/* oxlint-disable typescript/no-unsafe-function-type -- see below */

/*
 * How a table's declaration becomes types. `Function` and not `() => RelationTo<…>` for relations:
 * a call signature here would make the checker resolve every arrow while it infers, one table into
 * the next, until its stack overflows. `unknown` and not `any` for columns: `jsonb()` takes the type
 * of its values from here, where nothing else says it.
 */

export type Fields = Record<string, Column<unknown, boolean> | Function>

/** Every column, whatever its values are. */
export type AnyColumn = Column<unknown, boolean>

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
      : NoSuchColumn<Key>
  : never

/** What a relation loads whose foreign key is no column of its table: nothing that could be used by accident. */
interface NoSuchColumn<Key> {
  readonly __noSuchColumn: Key
}

/** The properties of an entity. */
export type Row<F> = {
  -readonly [K in keyof F]: F[K] extends Column<infer T, boolean> ? T : Relation<Loaded<F[K], F>>
}

/** The foreign keys of a table, and the relation whose entity may be given instead: `{ authorId: 'author' }`. */
type ForeignKeys<F> = {
  [
    K in keyof F as F[K] extends () => RelationTo<AnyEntityClass, 'belongsTo', infer Key>
      ? Key & keyof F
      : never
  ]: K
}

type ValueOf<Field> = Field extends Column<infer T, boolean> ? T : never

type RequiredValues<F, Keys> = {
  -readonly [
    K in keyof F as F[K] extends Column<unknown, false> ? (K extends keyof Keys ? never : K) : never
  ]: ValueOf<F[K]>
}

type OptionalValues<F> = {
  -readonly [
    K in keyof F as F[K] extends Column<unknown, true>
      ? K
      : F[K] extends () => RelationTo<AnyEntityClass, 'belongsTo', infer Key>
        ? F[Key & keyof F] extends Column<unknown, true>
          ? K
          : never
        : never
  ]?: (F[K] extends Column<infer T, boolean> ? T : Loaded<F[K], F>) | undefined
}

type RequiredKeys<F, Keys> = {
  [Key in keyof Keys & keyof F]: F[Key] extends Column<unknown, false> ? Key : never
}[keyof Keys & keyof F]

/** A foreign key, or the entity that it refers to: the other is left out. */
type KeyOrEntity<F, Key extends keyof F, K extends keyof F> =
  | (K extends unknown
      ? { -readonly [P in K]: Loaded<F[P], F> } & { -readonly [P in Key]?: undefined }
      : never)
  | ({ -readonly [P in Key]: ValueOf<F[P]> } & { -readonly [P in K]?: undefined })

/** A foreign key and its entity where the constructor alone sees to it that one of them is given. */
type KeyAndEntity<F, Key extends keyof F, K extends keyof F> = {
  -readonly [P in K]?: Loaded<F[P], F> | undefined
} & { -readonly [P in Key]?: ValueOf<F[P]> | undefined }

// Every required reference doubles the ways to call the constructor: with many of them the checker
// would take seconds, and with fourteen it gives up.
type KeysOrEntities<F, Keys, Required extends keyof Keys & keyof F> = [Required] extends [never]
  ? unknown
  : Intersection<
      HasMany<Required> extends true
        ? { [Key in Required]: [KeyAndEntity<F, Key, Keys[Key] & keyof F>] }[Required]
        : { [Key in Required]: [KeyOrEntity<F, Key, Keys[Key] & keyof F>] }[Required]
    >

/** Whether a union has more than five members. */
type HasMany<U, Counted extends readonly unknown[] = []> = [U] extends [never]
  ? false
  : Counted['length'] extends 5
    ? true
    : HasMany<Exclude<U, OneOf<U>>, [...Counted, unknown]>

type OneOf<U> =
  Intersection<U extends unknown ? [() => U] : never> extends () => infer One ? One : never

// Each member is in a tuple, since it may be a union itself, which would be taken apart.
type Intersection<U extends readonly [unknown]> = (
  U extends readonly [infer One] ? (one: One) => void : never
) extends (all: infer I) => void
  ? I
  : never

/** What `new User({ … })` takes: exactly the columns that have no default, are not nullable and not generated. */
export type NewRow<F> = RequiredValues<F, ForeignKeys<F>> &
  OptionalValues<F> &
  KeysOrEntities<F, ForeignKeys<F>, RequiredKeys<F, ForeignKeys<F>>>

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

/**
 * The class that {@link table} gives; `class User extends table(…) {}` is the entity.
 *
 * The parameter of its constructor has no name of its own, so that a message shows the columns. All
 * that the class has is in this one type, which declaration files can name.
 */
export type TableClass<F, Name extends string = string, Statics = unknown> = {
  new (
    values: NewRow<F> extends infer V ? { [K in keyof V]: V[K] } : never,
  ): Row<F> & Entity & RowOf<Name, F>
} & RelationStatics<F, Name> &
  Statics

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
