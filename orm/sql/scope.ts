import type { Source } from './source.ts'

// The sources of the callbacks that run, the innermost last. Callbacks are synchronous.
const running: Source[] = []

/** Calls a callback of a query or sub-query, whose relations then begin sub-queries one deeper. */
export function within<T>(source: Source, callback: () => T): T {
  running.push(source)
  try {
    return callback()
  } finally {
    running.pop()
  }
}

/** The depth of a query that begins here: 0, or one deeper than the callback that runs. */
export function depthHere(): number {
  return (running.at(-1)?.depth ?? -1) + 1
}

/** Whether a callback runs whose columns could be taken for those of this source. */
export function isCaptured({ shape }: Source): boolean {
  return running.some((source) => source.shape === shape)
}

/** The depth of a sub-query that a relation of this source begins: its alias is no other's around it. */
export function depthBelow({ depth }: Source): number {
  return Math.max(depthHere() - 1, depth) + 1
}
