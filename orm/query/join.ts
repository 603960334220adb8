import { DataBridgeError, describe } from '../errors.ts'
import { isEmbeddable } from '../sql/embedded.ts'
import { JoinedRows, joinsOf } from '../sql/joins.ts'
import { requireConditions } from '../sql/logic.ts'
import type { Condition, SqlNode } from '../sql/node.ts'
import { callWithRefs, columnRef } from '../sql/refs.ts'
import { rowColumns } from '../sql/row-refs.ts'
import { besideSource, type Source } from '../sql/source.ts'
import type { QueryPlan } from './plan.ts'
import { namedValues } from './rows-query.ts'
import type { Selected } from './run.ts'

/** What a query gives to one that it is joined to. */
export interface JoinedPart {
  readonly from: Source
  /** What stands in place of a table. */
  readonly rows: SqlNode
  /** What it selects; undefined: the rows of entities. */
  readonly selected: Selected | undefined
  /** The properties whose values tell its rows apart, if it is known. */
  readonly key: readonly string[] | undefined
}

/** The method by which a query gives itself to a join. */
export const joinedPart: unique symbol = Symbol('joinedPart')

interface HasPart {
  [joinedPart](): JoinedPart
}

function isJoinable(value: unknown): value is HasPart {
  return isEmbeddable(value) && joinedPart in value
}

/** The plan with one more query joined to it. */
export function joinTo(
  plan: QueryPlan,
  given: unknown,
  word: 'join' | 'left join',
  on: unknown,
  where: string,
): QueryPlan {
  if (!isJoinable(given)) {
    throw new DataBridgeError(
      'DATA_BRIDGE_ERR_QUERY',
      `${where} expected a query such as session.find(Post).select(…), got ${describe(given)}`,
    )
  }
  const { joined = [] } = plan
  const { from, rows, selected, key } = given[joinedPart]()
  const source = besideSource(plan.from, from.table, rows, joined.length)
  if (selected !== undefined) rowColumns(source, namedValues(selected))
  const sources = [...joined.map((each) => each.source), source]
  const condition = callWithRefs(plan.from, on, where, sources)
  requireConditions(where, [condition])
  const columns = key?.map((property) => columnRef(source, property))
  const all = [...joined, new JoinedRows(source, word, condition as Condition, columns)]
  return { ...plan, joined: all, joins: joinsOf(all) }
}
