import { DataBridgeError, describe } from '../errors.ts'
import type { RelationMetadata } from '../schema/metadata.ts'
import { isExpression } from './node.ts'
import { callWithRefs, sourceOfRefs } from './refs.ts'
import { rootOf, type Source } from './source.ts'
import { standsFor } from './stand-in.ts'

/** What a callback of `of` gives: its row, or a to-one relation of it. A column is an error. */
export type Lockable = object & {
  /** For the type checker only. */
  readonly _result?: never
  /** For the type checker only. */
  readonly [Symbol.iterator]?: never
}

/** The sources that a callback names: that of the query, and those behind to-one relations that are never absent. */
export function lockedSources(root: Source, of: unknown, where: string): readonly Source[] {
  const option = `${where}: of`
  const given = [callWithRefs(root, of, option)].flat()
  if (given.length === 0) throw lockedError(option, 'none')
  return [...new Set(given.map((each) => lockedSource(root, each, option)))]
}

function lockedSource(root: Source, given: unknown, option: string): Source {
  const source = sourceOfRefs(given)
  if (source === undefined)
    throw lockedError(
      option,
      isExpression(given) ? 'a column' : (standsFor(given) ?? describe(given)),
    )
  if (rootOf(source) !== root) throw lockedError(option, 'a row of another query')
  for (let each = source; each.via !== undefined; each = each.via.owner)
    requirePresent(each.via.relation, option)
  return source
}

/** PostgreSQL does not lock rows behind outer joins, and an inner join would lose rows without a related one. */
function requirePresent(relation: RelationMetadata, option: string): void {
  const { holdsKey, foreignKey, owner, name, pairs, target } = relation
  const isUnique = target.isUnique(pairs.map(([, remote]) => remote))
  if (holdsKey && isUnique && foreignKey.every(({ nullable }) => !nullable)) return
  throw lockedError(
    option,
    `${owner.entityName}.${name}, whose row may be absent: lock it with a query of its own`,
  )
}

function lockedError(option: string, got: string): DataBridgeError {
  return new DataBridgeError(
    'DATA_BRIDGE_ERR_QUERY',
    `${option} expected the row and to-one relations that are never absent, such as (post) => [post, post.author], got ${got}`,
  )
}
