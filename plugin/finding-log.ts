import type { FastifyBaseLogger } from 'fastify'
import type { Finding } from '../orm/index.ts'

const mostLines = 3

/** A warning for each finding, with what to write instead. */
export function logFindings(log: FastifyBaseLogger, findings: readonly Finding[]): void {
  for (const nPlusOne of findings.slice(0, mostLines)) log.warn({ nPlusOne }, sentenceOf(nPlusOne))
  const more = findings.length - mostLines
  if (more > 0) log.warn({ more }, `N+1: ${more} more findings in this request`)
}

function sentenceOf({ target, count, parent, fix }: Finding): string {
  const list = parent.target.includes('.') ? parent.target : `find(${parent.target})`
  return (
    `N+1: ${target} was loaded by ${count} queries, one by one, for the ${parent.rows} rows of ${list}; ` +
    `load it with one: ${fix}`
  )
}
