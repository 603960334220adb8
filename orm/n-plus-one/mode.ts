/**
 * How N+1 patterns are looked for. `'off'`: not at all. `'count'`, for production: counters, and one stack for each
 * pattern that is found; patterns count from five statements on. `'detect'`: also where the program calls, and patterns
 * count from two or three statements on. `'strict'`: as `'detect'`, and a request with a finding fails.
 */
export type NPlusOneMode = 'off' | 'count' | 'detect' | 'strict'

export const nPlusOneModes: readonly NPlusOneMode[] = ['off', 'count', 'detect', 'strict']

/** In production, only costly patterns are worth a log line. */
export function defaultMode(environment: NodeJS.ProcessEnv): NPlusOneMode {
  return environment.NODE_ENV === 'production' ? 'count' : 'detect'
}
