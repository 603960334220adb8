import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Finding, SessionStats } from '../orm/index.ts'
import type { Settings } from './options.ts'

/** A `headers` function that throws must not change how the request ends. */
export function areHeadersWanted(settings: Settings, request: FastifyRequest): boolean {
  try {
    return settings.wantsHeaders(request) === true
  } catch (error) {
    request.log.error({ err: error }, 'the option headers of fastify-data-bridge has thrown')
    return false
  }
}

/**
 * Headers that say what a request cost the database. They never name SQL, values or paths. A response that caches share
 * has none: they would say it again for other requests.
 */
export function setCostHeaders(reply: FastifyReply, stats: SessionStats): void {
  if (isShared(reply.getHeader('cache-control'))) return
  const { queryCount, findings } = stats
  const duration = stats.durationMs.toFixed(1)
  const timing = serverTiming(queryCount, duration)
  const others = reply.getHeader('server-timing')
  reply.header('x-db-query-count', String(queryCount))
  reply.header('x-db-time-ms', duration)
  if (findings.length > 0) reply.header('x-db-n-plus-one', findingList(findings))
  reply.header(
    'server-timing',
    others === undefined ? timing : [...entriesOf(others), timing].join(', '),
  )
}

function isShared(cacheControl: number | string | string[] | undefined): boolean {
  return /(?:^|[\s,])(?:public|s-maxage)(?=$|[\s,=])/i.test([cacheControl ?? ''].flat().join())
}

function serverTiming(queryCount: number, duration: string): string {
  return `db;dur=${duration};desc="${queryCount} ${queryCount === 1 ? 'query' : 'queries'}"`
}

// A request whose commit failed comes here twice: replaces the entry of the first time, keeps the application's.
function entriesOf(header: number | string | string[]): string[] {
  return [header]
    .flat()
    .flatMap((value) => String(value).split(/,\s*(?=[^"]*(?:"[^"]*"[^"]*)*$)/))
    .filter((entry) => entry !== '' && !entry.startsWith('db;'))
}

const longestList = 1024

/** A list of RFC 9651 with one item per finding: `Post.author;n=10;k=relation`. */
export function findingList(findings: readonly Finding[]): string {
  const items = findings.map(
    ({ kind, target, count }) => `${bareItem(target)};n=${count};k=${kind.replace('n1.', '')}`,
  )
  let kept = items.length
  while (listOf(items, kept).length > longestList && kept > 1) kept -= 1
  return listOf(items, kept)
}

function listOf(items: readonly string[], kept: number): string {
  const more = items.length - kept
  return items.slice(0, kept).join(', ') + (more > 0 ? `;more=${more}` : '')
}

/** A token if the text is one, a string if it is ASCII, otherwise a display string. */
function bareItem(text: string): string {
  if (/^[A-Za-z*][\w!#$%&'*+\-.^`|~:/]*$/.test(text)) return text
  if (/^[\x20-\x7e]*$/.test(text)) return `"${text.replace(/[\\"]/g, String.raw`\$&`)}"`
  const bytes = [...Buffer.from(text)].map((byte) => {
    const isPlain = byte >= 0x20 && byte <= 0x7e && byte !== 0x25 && byte !== 0x22
    return isPlain ? String.fromCharCode(byte) : `%${byte.toString(16).padStart(2, '0')}`
  })
  return `%"${bytes.join('')}"`
}
