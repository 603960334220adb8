import type { RawRow } from '../entity/entity-state.ts'
import type { RelationMetadata, TableMetadata } from '../schema/metadata.ts'
import { Compare, OneOf, Param } from '../sql/comparisons.ts'
import { and } from '../sql/logic.ts'
import type { Condition, Order, SqlNode } from '../sql/node.ts'
import { columnRef } from '../sql/refs.ts'
import {
  byKey,
  readStatement,
  rowsWhere,
  Select,
  selectStatement,
  withColumns,
} from '../sql/select.ts'
import { rootSource, type Source } from '../sql/source.ts'
import type { Statement } from '../sql/statement.ts'
import { EachKey } from './each-key.ts'
import { GivenKeys, givenPlace, type KeyTexts, textsAt } from './keys.ts'
import type { LoadPlan } from './loader.ts'
import { farSide, type Side } from './side.ts'

/** Owners that have one key. */
export interface Keyed {
  readonly key: KeyTexts
}

/** A statement for many keys, and of a row of its result whose it is. */
export interface Batched<G extends Keyed> {
  readonly statement: Statement
  /** Whether it may give a row several times, for several keys or owners. */
  readonly mayRepeat: boolean
  readonly groupOf: (row: RawRow) => G | undefined
}

/** The row of a primary key. */
export function selectByKey(table: TableMetadata, texts: KeyTexts): Statement {
  const source = rootSource(table)
  const nodes = table.primaryKey.map(({ property }) => columnRef(source, property))
  return selectStatement(new Select(rowsWhere(source, equal(nodes, texts), [])))
}

/** The rows that a relation of one owner leads to. */
export function selectRelated(relation: RelationMetadata, texts: KeyTexts): Statement {
  const { source, nodes, link } = farSide(relation)
  const parts = rowsWhere(source, equal(nodes, texts), usualOrder(relation, source))
  return selectStatement(new Select({ ...parts, joins: link }))
}

/**
 * The rows that a relation of many owners leads to, by their keys.
 *
 * @param byText the groups by the joined texts of their keys
 */
export function selectRelatedOfMany<G extends Keyed>(
  plan: LoadPlan,
  groups: readonly G[],
  byText: ReadonlyMap<string, G>,
): Batched<G> {
  const { relation, where, limit } = plan
  const side = farSide(relation)
  const { source } = side
  const orders = plan.orders.length > 0 ? plan.orders : usualOrder(relation, source)
  const keys = groups.map(({ key }) => key)
  const width = source.table.columns.length
  const byPlace = (row: RawRow): G | undefined => groups[Number(row[width]) - 1]
  if (limit !== undefined) {
    const choice = { where, orders, limit }
    const node = new EachKey(side, relation.through, keys, choice)
    const statement = readStatement(source.table, node)
    return { statement, mayRepeat: true, groupOf: byPlace }
  }
  if (!isMatchedByText(side)) {
    const joins = new GivenKeys(side, keys)
    const statement = selectRows(source, { where, orders, joins, extra: [givenPlace] })
    return { statement, mayRepeat: true, groupOf: byPlace }
  }
  const [column] = side.columns
  const [node] = side.nodes as readonly [SqlNode]
  const found = new OneOf(node, textsAt(keys, 0), false)
  const position = side.link === undefined ? (column?.position ?? width) : width
  const statement = selectRows(source, {
    where: where === undefined ? found : and(found, where),
    orders,
    joins: side.link,
    extra: side.link === undefined ? [] : [node],
  })
  return {
    statement,
    mayRepeat: side.link !== undefined,
    groupOf: (row) => byText.get(row[position] ?? ''),
  }
}

/** Whether JavaScript finds the key of a row: by a text that says it all. */
function isMatchedByText({ columns }: Side): boolean {
  return columns.length === 1 && columns[0]?.type.hasExactText === true
}

interface Rows {
  readonly where: Condition | undefined
  readonly orders: readonly Order[]
  readonly joins: SqlNode | undefined
  readonly extra: readonly SqlNode[]
}

function selectRows(source: Source, { where, orders, joins, extra }: Rows): Statement {
  const { projection, ...parts } = rowsWhere(source, and(), orders)
  const whole = withColumns(projection, extra)
  return selectStatement(new Select({ ...parts, projection: whole, where, joins }))
}

function equal(nodes: readonly SqlNode[], texts: KeyTexts): Condition {
  return and(
    ...nodes.map((node, index) => new Compare(node, '=', new Param(texts[index] as string))),
  )
}

/** By the primary key where there may be several rows. */
function usualOrder({ cardinality, pairs }: RelationMetadata, source: Source): readonly Order[] {
  const isOne = cardinality === 'one' && source.table.isUnique(pairs.map(([, remote]) => remote))
  return isOne ? [] : byKey(source)
}
