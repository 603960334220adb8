import type { Column } from '../schema/column.ts'
import type { EntityOf, RelationTo } from '../schema/relation.ts'
import type { Absent, ColumnNames, NoSuchColumn, RequiredNames, ValueOf } from './types.ts'

/*
 * What `new User({ … })` takes. The checker makes it for every table that a query returns, so it is
 * found in a few passes over the names; the type of a value, where it is asked for. It serves keys of
 * several columns too, since a relation's `Key` is the union of their names: `{ line }` or
 * `{ orderId, no }`, never a mixture.
 */

/** The entity that a to-one relation may be given. */
type Given<Field, F> = Field extends () => RelationTo<infer Target, 'belongsTo', infer Key>
  ? Key extends keyof F
    ? EntityOf<Target> | Absent<F, 'belongsTo', Key>
    : NoSuchColumn<Key>
  : never

type ForeignKey<Field> = Field extends () => RelationTo<unknown, 'belongsTo', infer Key>
  ? Key
  : never

/** Both names, of a relation whose foreign key has to be given; its own name, of another. */
type ReferenceBy<Key, K, Required> = Key extends Required ? [relation: K, key: Key] : K

/** The references of a table to others, see {@link ReferenceBy}. */
type References<F, Relations extends keyof F, Required> = {
  [K in Relations]: ReferenceBy<ForeignKey<F[K]>, K, Required>
}[Relations]

type AnyReference<F> = [relation: keyof F, key: keyof F]

type RequiredValues<F, Names extends keyof F> = { -readonly [K in Names]: ValueOf<F[K]> }

type OptionalValues<F, Names extends keyof F> = {
  -readonly [K in Names]?:
    | (F[K] extends Column<infer T, boolean, boolean, undefined> ? T : Given<F[K], F>)
    | undefined
}

/** A foreign key, or the entity that it refers to: the other is left out. */
type KeyOrEntity<F, K extends keyof F, Key extends keyof F> =
  | (K extends unknown
      ? { -readonly [P in K]: Given<F[P], F> } & { -readonly [P in Key]?: undefined }
      : never)
  | ({ -readonly [P in Key]: ValueOf<F[P]> } & { -readonly [P in K]?: undefined })

/** Messages then show the columns, and not how they were found. */
type Flat<T> = T extends infer V ? { [K in keyof V]: V[K] } : never

// Every required reference doubles the ways to call the constructor: with many of them the checker
// would take seconds, and with fourteen it gives up. Then the constructor alone sees to it that one
// of each two is given.
type KeysOrEntities<F, R extends AnyReference<F>> = [R] extends [never]
  ? unknown
  : IsOne<R> extends true
    ? Flat<KeyOrEntity<F, R[0], R[1]>>
    : HasMany<R[1]> extends true
      ? OptionalValues<F, R[0] | R[1]>
      : Intersection<
          { [Key in R[1]]: [Flat<KeyOrEntity<F, Extract<R, [unknown, Key]>[0], Key>>] }[R[1]]
        >

type IsOne<U, All = U> = U extends unknown ? ([All] extends [U] ? true : false) : never

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

// The keys and entities are outside: within, every other column would be copied for each way to give them.
type NewRowBy<F, Names extends keyof F, R extends AnyReference<F>, Others> = Join<
  Flat<
    RequiredValues<F, Exclude<Names, R[1]>> &
      OptionalValues<F, Exclude<ColumnNames<F>, Names> | (Others & keyof F)>
  >,
  KeysOrEntities<F, R>
>

/** Both, without a name: messages then show the columns. */
type Join<Values, References> = Values extends infer V ? V & References : never

type NewRowOf<F, Names extends keyof F, References> = NewRowBy<
  F,
  Names,
  Extract<References, AnyReference<F>>,
  Exclude<References, AnyReference<F>>
>

/** What `new User({ … })` takes: exactly the columns that have no default, are not nullable and not generated. */
export type NewRowIn<F> = NewRowOf<
  F,
  RequiredNames<F>,
  References<F, Exclude<keyof F, ColumnNames<F>>, RequiredNames<F>>
>
