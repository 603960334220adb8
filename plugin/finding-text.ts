import type { Finding, FindingKind, FindingMessage, FindingParent, Site } from '../orm/index.ts'

const subjects: Readonly<Record<FindingKind, string>> = {
  'n1.relation': 'N+1',
  'n1.get': 'N+1',
  'n1.query': 'N+1',
  'n1.write': 'N+1',
  'n1.recursive': 'N+1',
  'n1.latent': 'N+1',
  duplicate: 'duplicate',
  'eager.unused': 'unused loader',
  budget: 'budget',
  slope: 'slope',
  'tx.external_io': 'transaction',
}

/**
 * A finding in one line: what and how often, where, the statement, what to write instead, and what that saves.
 *
 * @param hasSql whether it may name the statement
 */
export function sentenceOf(
  { finding, isLive, isLate }: Pick<FindingMessage, 'finding' | 'isLive' | 'isLate'>,
  hasSql: boolean,
): string {
  const { kind, site, scope, sql, fix } = finding
  const count = isLive === true ? `≥${finding.count}` : String(finding.count)
  const first = [
    scope === undefined ? '' : `${scope}: `,
    verdictOf(finding, count),
    site === undefined ? '' : `, at ${placeOf(site)}`,
    isLate === true ? ', after the response' : '',
  ].join('')
  const rest = [
    `instead: ${fix}`,
    ...gainOf(finding),
    ...(hasSql && sql !== undefined ? [`sql: ${shortened(sql)}`] : []),
  ]
  return `${subjects[kind]}: ${[first, ...rest].join('; ')}`
}

function verdictOf({ kind, target, parent, durationMs }: Finding, count: string): string {
  switch (kind) {
    case 'n1.relation':
    case 'n1.latent':
      return `${target} was loaded by ${count} queries, one by one${rowsOf(parent)}`
    case 'n1.get':
      return `get(${target}) was sent ${count} times, one by one${rowsOf(parent)}`
    case 'n1.query':
      return `${target} was sent ${count} times, one by one, with other values each time${rowsOf(parent)}`
    case 'n1.write':
      return `${target} was sent ${count} times, one by one${rowsOf(parent)}`
    case 'n1.recursive':
      return `${target} was followed level by level by ${count} queries`
    case 'duplicate':
      return `${target} was sent ${count} times with the same values`
    case 'eager.unused':
      return `${target} was loaded, and nobody reads it`
    case 'budget':
      return `${target} took ${count} statements and ${durationMs} ms, more than its route allows`
    case 'slope':
      return `the statements of ${target} grow with its rows`
    case 'tx.external_io':
      return `${target} holds a transaction open while it waits for something else`
  }
}

function rowsOf(parent: FindingParent | undefined): string {
  if (parent === undefined) return ''
  const list = parent.target.includes('.') ? parent.target : `find(${parent.target})`
  const place = parent.site === undefined ? '' : ` (${placeOf(parent.site)})`
  return `, for the ${parent.rows} rows of ${list}${place}`
}

function placeOf({ file, line, column, function: name }: Site): string {
  const position = `${file}:${line}:${column}`
  return name === undefined ? position : `${position} in ${name}`
}

/** Columns would fill the line. */
function shortened(sql: string): string {
  return sql.replace(/^(\s*select)\s.+?\s(from)\s/is, '$1 … $2 ')
}

function gainOf({ avoidableQueries, avoidableMs }: Finding): string[] {
  if (avoidableQueries === 0 && avoidableMs === 0) return []
  const queries = `${avoidableQueries} ${avoidableQueries === 1 ? 'query' : 'queries'}`
  return [`saves about ${queries} and ${avoidableMs} ms`]
}
