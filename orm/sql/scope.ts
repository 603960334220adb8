import type { Source } from './source.ts'

// The depth of the running callback: 0 in a query, 1 in a sub-query; -1 if none runs. Callbacks are synchronous.
let current = -1

/** Calls a callback of a query or sub-query, whose relations then begin sub-queries one deeper. */
export function within<T>({ depth }: Source, callback: () => T): T {
  const outer = current
  current = depth
  try {
    return callback()
  } finally {
    current = outer
  }
}

/** The depth of a sub-query that a relation of this source begins: its alias is no other's around it. */
export function depthBelow({ depth }: Source): number {
  return Math.max(current, depth) + 1
}
