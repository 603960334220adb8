import type { Expression } from '../sql/node.ts'

/**
 * The expressions of `select` and `aggregate`. `R` is the row that they give.
 *
 * The type checker infers `R` from them, so hovers, messages and declaration files show `{ id: number }`.
 * A relation is not an expression: the error is at its property.
 */
export type Selection<R> = { readonly [K in keyof R]: Expression<R[K]> }
