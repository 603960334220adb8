import type { AnyColumn, Column } from '../schema/column.ts'
import type { FieldsOf } from '../schema/relation.ts'
import type { Condition, Expression } from '../sql/node.ts'
import type { Refs } from '../sql/ref-types.ts'

/** Values that columns equal: `{ active: true, name: ['Ann', 'Bob'], age: null }` is `=`, `IN` and `IS NULL`. */
export type Matches<E> = {
  readonly [K in keyof FieldsOf<E> as FieldsOf<E>[K] extends AnyColumn ? K : never]?: MatchOf<
    FieldsOf<E>[K]
  >
}

type MatchOf<Field> = [Field] extends [Column<infer T, boolean, boolean>]
  ? T | readonly NonNullable<T>[]
  : never

/** The argument of `filter`: values that columns equal, or a callback that returns a condition. */
export type Filter<E> = Matches<E> | ((row: Refs<E>) => Condition)

/**
 * The expressions of `select` and `aggregate`, by the row `R` that they give.
 *
 * The checker infers `R` backwards from them: so hovers, messages and declaration files show
 * `{ id: number }`, not how it was made. A relation is no expression, and refused at its property.
 */
export type Selection<R> = { readonly [K in keyof R]: Expression<R[K]> }
