import type { Finding, Site } from '../../orm/index.ts'
import type { QueryRecord } from './query-record.ts'

// More would hide the first ones.
const mostFindings = 10
const mostLines = 30

/** Where a record comes from, as words behind a number: ` in GET /posts`. */
export function placeOf({ route }: QueryRecord): string {
  return route === undefined ? '' : ` in ${route}`
}

/** What was found, where, and what to write instead. */
export function findingsText(findings: readonly Finding[], route?: string): string {
  // Two requests may have the same one.
  const texts = [...new Set(findings.map((finding) => findingText(finding, route)))]
  const told = texts.slice(0, mostFindings)
  const more = texts.length - told.length
  return [...told, ...(more > 0 ? [`and ${more} more`] : [])].join('\n\n')
}

function findingText(finding: Finding, route: string | undefined): string {
  const { kind, target, count, confidence, site, parent, sql, fix, scope } = finding
  const where = [scope, route].find((each) => each !== undefined)
  const rows = parent === undefined ? '' : ` for ${parent.rows} rows of ${parent.target}`
  return [
    `${kind} ${target}: ${count} ${count === 1 ? 'query' : 'queries'}${rows}${where === undefined ? '' : ` in ${where}`} [${confidence}]`,
    ...(site === undefined ? [] : [`  at    ${siteText(site)}`]),
    ...(parent?.site === undefined ? [] : [`  from  ${siteText(parent.site)}`]),
    ...(sql === undefined ? [] : [`  sql   ${sql}`]),
    `  fix   ${fix}`,
  ].join('\n')
}

/** `src/posts.ts:41:31 listPosts` */
export function siteText({ file, line, column, function: name }: Site): string {
  return `${file}:${line}:${column}${name === undefined ? '' : ` ${name}`}`
}

/** The statements of a record, equal ones together. */
export function statementsText({ statements, truncated }: QueryRecord): string {
  const groups = new Map<string, number>()
  for (const { summary, operation, site } of statements) {
    const place = site === undefined ? '' : `  at ${siteText(site)}`
    const line = `${summary}${operation === undefined ? '' : `  (${operation})`}${place}`
    groups.set(line, (groups.get(line) ?? 0) + 1)
  }
  const lines = [...groups].map(([line, count]) => `  ${count}× ${line}`)
  const told = lines.slice(0, mostLines)
  if (lines.length > told.length) told.push(`  and ${lines.length - told.length} more places`)
  if (truncated) told.push(`  only the first ${statements.length} statements are kept`)
  return told.length === 0 ? '' : `:\n${told.join('\n')}`
}
