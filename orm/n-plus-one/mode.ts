import { NPlusOneDetector } from './detector.ts'

/**
 * How a session looks for N+1 patterns: `'off'`, `'count'` (from five statements) or `'detect'` (from two). Of your own
 * SQL, one text counts from ten or six statements on.
 */
export type NPlusOneMode = 'off' | 'count' | 'detect'

type Thresholds = Readonly<Record<Exclude<NPlusOneMode, 'off'>, number>>

const relations: Thresholds = { count: 5, detect: 2 }

// A text alone proves less than the provenance of entities.
const queries: Thresholds = { count: 10, detect: 6 }

export const nPlusOneModes: readonly NPlusOneMode[] = ['off', 'count', 'detect']

/** In production, only costly patterns are worth a log line. */
export function defaultMode(environment: NodeJS.ProcessEnv): NPlusOneMode {
  return environment.NODE_ENV === 'production' ? 'count' : 'detect'
}

export function detectorFor(mode: NPlusOneMode): NPlusOneDetector | undefined {
  return mode === 'off' ? undefined : new NPlusOneDetector(relations[mode], queries[mode])
}
