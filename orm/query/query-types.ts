import type { Expression } from '../sql/node.ts'

/**
 * The expressions of `select` and `aggregate`, by the row `R` that they give.
 *
 * The checker infers `R` backwards from them: so hovers, messages and declaration files show
 * `{ id: number }`, not how it was made. A relation is no expression, and refused at its property.
 */
export type Selection<R> = { readonly [K in keyof R]: Expression<R[K]> }
