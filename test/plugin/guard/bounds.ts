import type { Bound } from '../../support/cost-guard.ts'

/** As in test/orm/guard/bounds.ts, of requests: with what Fastify, Node and the client of the test take. */
export const bounds: Readonly<Record<string, Bound>> = {
  nothing: [0, 0, 3, 18_500],
  'GET by key': [1, 1, 9, 66_000],
  'GET a list with authors': [2, 2, 19, 168_000],
  'POST: lock, insert, update, commit': [3, 5, 49, 123_000],
}
