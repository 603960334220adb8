import type { Finding, FindingSeverity } from '../observe/finding.ts'
import type { CallSite } from '../util/call-site.ts'
import { siteOf } from './source-position.ts'

/** What a finding says of the statements of its pattern. */
export interface Measured {
  readonly count: number
  readonly durationMs: number
  readonly site: CallSite | undefined
}

/** More findings of one request would not help. */
export const mostFindings = 256

const severe = { count: 10, ms: 100 }

/** A finding of statements that one batch could replace. */
export function made(
  { count, durationMs, site }: Measured,
  told: Pick<Finding, 'kind' | 'target' | 'confidence' | 'fix'> & Partial<Finding>,
): Finding {
  const { avoidableQueries = count - 1 } = told
  const avoidableMs = count === 0 ? 0 : (durationMs / count) * avoidableQueries
  return Object.freeze({
    count,
    avoidableQueries,
    severity: severityOf(count, avoidableMs),
    durationMs: rounded(durationMs),
    avoidableMs: rounded(avoidableMs),
    ...(site !== undefined && { site: siteOf(site) }),
    ...told,
  })
}

function severityOf(count: number, avoidableMs: number): FindingSeverity {
  return count >= severe.count || avoidableMs >= severe.ms ? 'error' : 'warn'
}

function rounded(milliseconds: number): number {
  return Math.round(milliseconds * 10) / 10
}
