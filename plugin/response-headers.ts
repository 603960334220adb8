import type { FastifyReply } from 'fastify'
import type { SessionStats } from '../orm/index.ts'

/** Says what a request cost the database: never SQL, values or names. */
export function setCostHeaders(
  reply: FastifyReply,
  { queryCount, durationMs }: SessionStats,
): void {
  const duration = durationMs.toFixed(1)
  reply.header('x-db-query-count', String(queryCount))
  reply.header('x-db-time-ms', duration)
  reply.header('server-timing', [...timings(reply), serverTiming(queryCount, duration)].join(', '))
}

function serverTiming(queryCount: number, duration: string): string {
  return `db;dur=${duration};desc="${queryCount} ${queryCount === 1 ? 'query' : 'queries'}"`
}

// The error that a failed commit turns into passes here again: its own entry is replaced, others are kept.
function timings(reply: FastifyReply): string[] {
  return [reply.getHeader('server-timing') ?? []]
    .flat()
    .flatMap((value) => String(value).split(/,\s*(?=[^"]*(?:"[^"]*"[^"]*)*$)/))
    .filter((entry) => entry !== '' && !entry.startsWith('db;'))
}
