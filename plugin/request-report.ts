import type { FastifyRequest } from 'fastify'
import type { SessionStats, SessionTrace } from '../orm/index.ts'
import type { Settings } from './options.ts'
import { logFindings, passingOver } from './warnings.ts'

/** Reports what a request did to the database, to the log and to telemetry. Never throws. */
export function reportRequest(
  { database: { telemetry } }: Settings,
  request: FastifyRequest,
  trace: SessionTrace | undefined,
  stats: SessionStats,
): void {
  if (telemetry === undefined || trace === undefined) {
    const { findings } = stats
    if (findings.length > 0) passingOver(() => logFindings(request.log, findings))
    return
  }
  passingOver(() => {
    const {
      log,
      method,
      routeOptions: { url },
    } = request
    const told = {
      'http.request.method': method,
      ...(url !== undefined && { 'http.route': url }),
    }
    telemetry.recordRequest(trace, told, stats)
    telemetry.within(trace, () => logFindings(log, stats.findings))
  })
}
