import type { FastifyBaseLogger } from 'fastify'
import { type Finding, type SlowStatement, SlowStatements } from '../orm/index.ts'

const mostLines = 3

/** A warning for each finding, with what to write instead. */
export function logFindings(log: FastifyBaseLogger, findings: readonly Finding[]): void {
  for (const nPlusOne of findings.slice(0, mostLines)) log.warn({ nPlusOne }, sentenceOf(nPlusOne))
  const more = findings.length - mostLines
  if (more > 0) log.warn({ more }, `N+1: ${more} more findings in this request`)
}

/** Tells what a request did; where that throws, such as a logger, the request ends as it would. */
export function passingOver(tell: () => void): void {
  try {
    tell()
  } catch (error) {
    process.emitWarning(`what a request did could not be told: ${String(error)}`, {
      code: 'DATA_BRIDGE_OBSERVER',
    })
  }
}

function sentenceOf({ target, count, parent, fix }: Finding): string {
  const list = parent.target.includes('.') ? parent.target : `find(${parent.target})`
  return (
    `N+1: ${target} was loaded by ${count} queries, one by one, for the ${parent.rows} rows of ${list}; ` +
    `load it with one: ${fix}`
  )
}

/** A warning for each statement that took too long; none where no limit is set. */
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
