import type { FastifyBaseLogger, FastifyInstance } from 'fastify'
import {
  type Finding,
  type FindingMessage,
  identityOf,
  listed,
  routeName,
  type SlowStatement,
  SlowStatements,
  whatOf,
} from '../orm/index.ts'
import { Cooldown } from './cooldown.ts'
import { sentenceOf } from './finding-text.ts'
import type { Settings } from './options.ts'

const mostLines = 3

// In production, one line says it; a busy route would write thousands.
const quietMs = 60_000

type Log = Pick<FastifyBaseLogger, 'warn'>

/** Writes findings to the log. */
export class FindingLog {
  readonly isProduction: boolean
  readonly #cooldown = new Cooldown(quietMs)

  constructor({ NODE_ENV }: NodeJS.ProcessEnv) {
    this.isProduction = NODE_ENV === 'production'
  }

  /**
   * A warning for each finding, with the code that avoids it.
   *
   * @param place the route, or what else tells findings apart
   */
  warn(log: Log, place: string, messages: readonly FindingMessage[]): void {
    const due = this.isProduction
      ? messages.filter(({ finding }) => this.#cooldown.passes(`${place} ${identityOf(finding)}`))
      : messages
    for (const message of due.slice(0, mostLines)) this.#line(log, message)
    const more = due.length - mostLines
    if (more > 0) log.warn({ more }, `N+1: ${more} more findings`)
  }

  #line(log: Log, message: FindingMessage): void {
    const { finding, request, isLive, isLate } = message
    log.warn(
      {
        nPlusOne: this.isProduction ? withoutSql(finding) : finding,
        ...(isLive === true && { isLive }),
        // The log of a request has its id.
        ...(isLate === true && { isLate, request }),
      },
      sentenceOf(message, !this.isProduction),
    )
  }
}

function withoutSql({ sql: _sql, ...others }: Finding): Finding {
  return others
}

/** Reports what a request did. What throws there does not change how the request ends. */
export function passingOver(tell: () => void): void {
  try {
    tell()
  } catch (error) {
    process.emitWarning(`the report of a request failed: ${String(error)}`, {
      code: 'DATA_BRIDGE_OBSERVER',
    })
  }
}

/** Lets the log of the application hear of the jobs of its database: slow statements, and findings. */
export function watchJobs(
  { log }: FastifyInstance,
  { database, slowQueryMs, findingLog }: Settings,
): void {
  database.slow = slowStatementLog(log, slowQueryMs)
  database.findings.log = (messages) => {
    const [{ request, scope } = { scope: undefined, request: undefined }] = messages
    findingLog.warn(log, (request && routeName(request)) ?? scope ?? 'job', messages)
  }
}

/** A line that names the accepted patterns that did not occur: a later pattern would hide behind such an entry. */
export function warnOfStale(log: Log, { database, findingLog }: Settings): void {
  const { stale } = database.nPlusOne.allow
  if (stale.length === 0 || findingLog.isProduction) return
  const names = stale.map((each) => whatOf(each))
  log.warn(
    { stale: stale.map((each, index) => ({ what: names[index], reason: each.reason })) },
    `nPlusOne.allow: nothing has matched the entries for ${listed(names)}; remove them`,
  )
}

/** Logs a warning for each slow statement, if there is a limit. */
export function slowStatementLog(
  log: FastifyBaseLogger,
  limitMs: number | undefined,
): SlowStatements | undefined {
  if (limitMs === undefined) return undefined
  return new SlowStatements(limitMs, (statement) => log.warn(...slowLine(statement)))
}

function slowLine({ durationMs, ...statement }: SlowStatement): [object, string] {
  const rounded = Math.round(durationMs * 10) / 10
  return [
    { slowQuery: { durationMs: rounded, ...statement } },
    `slow query: ${statement.summary} took ${rounded} ms`,
  ]
}
