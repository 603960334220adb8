import { NPlusOneDetector } from './detector.ts'

/** How N+1 patterns are looked for: not at all, from five statements on, or from two on. */
export type NPlusOneMode = 'off' | 'count' | 'detect'

const thresholds: Readonly<Record<Exclude<NPlusOneMode, 'off'>, number>> = { count: 5, detect: 2 }

export const nPlusOneModes: readonly NPlusOneMode[] = ['off', 'count', 'detect']

/** In production only what costs much is worth a line; elsewhere everything is. */
export function defaultMode(environment: NodeJS.ProcessEnv): NPlusOneMode {
  return environment.NODE_ENV === 'production' ? 'count' : 'detect'
}

export function detectorFor(mode: NPlusOneMode): NPlusOneDetector | undefined {
  return mode === 'off' ? undefined : new NPlusOneDetector(thresholds[mode])
}
