import type { FastifyRequest } from 'fastify'
import type { SessionStats, SessionTrace } from '../orm/index.ts'
import type { Settings } from './options.ts'
import { logFindings, passingOver } from './warnings.ts'

/** Reports what a request did to the database, to the log and to telemetry. Never throws. */
export function reportRequest(
  { database: { telemetry } }: Settings,
  { log, method, routeOptions: { url } }: FastifyRequest,
  trace: SessionTrace | undefined,
  stats: SessionStats,
): void {
  const tell = (): void => logFindings(log, stats.findings)
  passingOver(() => {
    if (telemetry === undefined || trace === undefined) return tell()
    const request = {
      'http.request.method': method,
      ...(url !== undefined && { 'http.route': url }),
    }
    telemetry.recordRequest(trace, request, stats)
    telemetry.within(trace, tell)
  })
}
