import { DataBridgeError, describe } from '../errors.ts'
import { ExistsQuery, isEmbeddable, onlyValue, type SubQuery, subQuery } from '../sql/embedded.ts'
import type { Condition } from '../sql/node.ts'
import type { Operand, ValueQuery } from '../sql/ref-types.ts'
import { ScalarQuery } from '../sql/scalar-query.ts'
import type { Joinable } from './query-types.ts'

/**
 * The query has a row. A query that begins in the callback may use the columns of the row around it. What relations
 * lead to is tested with `any`, `none` and `has`.
 *
 * @example
 * ```ts
 * import { exists, type Session } from 'fastify-data-bridge/orm'
 * import { Post, User } from './entities.ts'
 *
 * export function namedInATitle(session: Session): Promise<User[]> {
 *   return session.find(User)
 *     .filter((user) => exists(session.find(Post).filter((post) => post.title.eq(user.name))))
 *     .toList()
 * }
 * ```
 */
export function exists(query: Joinable<unknown, unknown>): Condition {
  return new ExistsQuery(given(query, 'exists()'))
}

/**
 * The only value of a query in another one; NULL without a row. The statement fails if there are several rows.
 *
 * @example
 * ```ts
 * import { scalar, type Session } from 'fastify-data-bridge/orm'
 * import { Post } from './entities.ts'
 *
 * export function asLikedAsTheFirst(session: Session): Promise<Post[]> {
 *   const first = session.find(Post).filter({ id: 1 }).select((post) => ({ likes: post.likes }))
 *   return session.find(Post).filter((post) => post.likes.gte(scalar(first))).toList()
 * }
 * ```
 */
export function scalar<T>(query: ValueQuery<T>): Operand<T | null> {
  const sub = given(query, 'scalar()')
  return new ScalarQuery(sub, onlyValue(sub, 'scalar()'))
}

function given(query: unknown, where: string): SubQuery {
  if (isEmbeddable(query)) return query[subQuery]()
  throw new DataBridgeError(
    'DATA_BRIDGE_ERR_QUERY',
    `${where} expected a query such as session.find(Post).filter(…), got ${describe(query)}`,
  )
}
