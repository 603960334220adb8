import type { Bound } from '../../support/cost-guard.ts'

/**
 * Round trips, statements, promises and bytes of a session with one piece of work. Lower a bound when the code gets
 * better. The bytes leave the engine some room: they are 1.3 times what was measured. The mode is `detect`, which takes the
 * stack of a call.
 */
export const bounds: Readonly<Record<string, Bound>> = {
  'get by key': [1, 1, 10, 26_000],
  'get by key, read-only': [2, 3, 23, 53_000],
  'get what is held': [0, 0, 4, 2_600],
  'open and close, read-only': [0, 0, 8, 9_200],
  'list 100': [1, 1, 10, 111_000],
  'nested 50, 250, 750': [3, 3, 32, 1_270_000],
  'lazy loop of 50': [51, 51, 260, 1_140_000],
  'insert 1,000': [1, 3, 37, 4_800_000],
  'change 500': [2, 4, 35, 1_620_000],
  'lock, insert, update, commit': [2, 5, 39, 87_000],
  'transaction(fn) with an insert': [2, 3, 47, 67_000],
}
