import type { Bound } from '../../support/cost-guard.ts'

/** As in test/orm/guard/bounds.ts, of requests: with what Fastify, Node and the client of the test take. */
export const bounds: Readonly<Record<string, Bound>> = {
  nothing: [0, 0, 3, 20_000],
  'GET by key': [1, 1, 9, 53_000],
  'GET a list with authors': [2, 2, 19, 190_000],
  'POST: lock, insert, update, commit': [3, 5, 49, 140_000],
}
