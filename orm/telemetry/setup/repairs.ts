import { describe } from '../../errors.ts'
import type { Environment } from './endpoint.ts'

/** What is not usable in an environment, and what stands in for it. */
export interface Repair {
  /** Variables to set; those that are undefined are to be removed. */
  readonly changes: Environment
  /** What was expected, what came and what is used instead. */
  readonly warnings: readonly string[]
}

export const fine: Repair = { changes: {}, warnings: [] }

/** Several repairs as one. */
export function together(repairs: readonly Repair[]): Repair {
  return {
    changes: Object.assign({}, ...repairs.map(({ changes }) => changes)),
    warnings: repairs.flatMap(({ warnings }) => warnings),
  }
}

export function warning(name: string, expected: string, came: unknown, used: string): string {
  return `${name} expected ${expected}; came ${describe(came)}; used instead: ${used}`
}

export function oneOf(names: readonly string[]): string {
  return `one of ${names.join(', ')}`
}
