import { NPlusOneDetector } from './detector.ts'

/** How a session looks for N+1 patterns: `'off'`, `'count'` (from five statements) or `'detect'` (from two). */
export type NPlusOneMode = 'off' | 'count' | 'detect'

const thresholds: Readonly<Record<Exclude<NPlusOneMode, 'off'>, number>> = { count: 5, detect: 2 }

export const nPlusOneModes: readonly NPlusOneMode[] = ['off', 'count', 'detect']

/** In production, only costly patterns are worth a log line. */
export function defaultMode(environment: NodeJS.ProcessEnv): NPlusOneMode {
  return environment.NODE_ENV === 'production' ? 'count' : 'detect'
}

export function detectorFor(mode: NPlusOneMode): NPlusOneDetector | undefined {
  return mode === 'off' ? undefined : new NPlusOneDetector(thresholds[mode])
}
