import type { FastifyBaseLogger } from 'fastify'
import { type Finding, type SlowStatement, SlowStatements } from '../orm/index.ts'

const mostLines = 3

/** A warning for each finding, with the code that avoids it. */
export function logFindings(log: FastifyBaseLogger, findings: readonly Finding[]): void {
  for (const nPlusOne of findings.slice(0, mostLines)) log.warn({ nPlusOne }, sentenceOf(nPlusOne))
  const more = findings.length - mostLines
  if (more > 0) log.warn({ more }, `N+1: ${more} more findings in this request`)
}

/** Reports what a request did. A logger that throws does not change how the request ends. */
export function passingOver(tell: () => void): void {
  try {
    tell()
  } catch (error) {
    process.emitWarning(`the report of a request failed: ${String(error)}`, {
      code: 'DATA_BRIDGE_OBSERVER',
    })
  }
}

function sentenceOf({ target, count, parent, fix }: Finding): string {
  if (parent === undefined)
    return `N+1: ${target} was sent ${count} times, one by one, with other values each time; send ${fix}`
  const list = parent.target.includes('.') ? parent.target : `find(${parent.target})`
  return (
    `N+1: ${target} was loaded by ${count} queries, one by one, for the ${parent.rows} rows of ${list}; ` +
    `load it with one: ${fix}`
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
