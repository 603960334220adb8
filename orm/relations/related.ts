import { joinTexts } from '../entity/identity.ts'
import type { RawRow } from '../entity/entity-state.ts'
import type { RelationMetadata, TableMetadata } from '../schema/metadata.ts'
import { Compare, Param } from '../sql/comparisons.ts'
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
import { anyKey, KeyPlaces, type KeyTexts } from './keys.ts'
import type { LoadPlan } from './loader.ts'
import { farSide, type Side } from './side.ts'

/** A statement for many keys, and of a row of its result the places of the keys that it belongs to. */
export interface Batched {
  readonly statement: Statement
  placesOf(row: RawRow): readonly number[]
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

/** The rows that a relation of many owners leads to, by the keys of the owners. */
export function selectRelatedOfMany(plan: LoadPlan, keys: readonly KeyTexts[]): Batched {
  const { relation, where, limit } = plan
  const side = farSide(relation)
  const { source } = side
  const orders = plan.orders.length > 0 ? plan.orders : usualOrder(relation, source)
  const width = source.table.columns.length
  if (limit !== undefined) {
    const choice = { where, orders: orders.length > 0 ? orders : byKey(source), limit }
    const statement = readStatement(source.table, new EachKey(side, keys, choice))
    return { statement, placesOf: (row) => [Number(row[width]) - 1] }
  }
  const found = anyKey(side, keys)
  const condition = where === undefined ? found : and(found, where)
  const { extra, placesOf } = matching(side, keys, width)
  const parts = rowsWhere(source, condition, orders)
  const projection = withColumns(parts.projection, extra)
  const statement = selectStatement(new Select({ ...parts, projection, joins: side.link }))
  return { statement, placesOf }
}

/** How rows are matched with keys: by their texts where these say it all, otherwise by what PostgreSQL finds equal. */
function matching(
  side: Side,
  keys: readonly KeyTexts[],
  width: number,
): { readonly extra: readonly SqlNode[] } & Pick<Batched, 'placesOf'> {
  if (!side.columns.every(({ type }) => type.hasExactText))
    return { extra: [new KeyPlaces(side, keys)], placesOf: (row) => placesIn(row[width] ?? null) }
  const places = new Map(keys.map((key, place) => [joinTexts(key), [place] as const]))
  const positions = side.columns.map(({ position }, index) =>
    side.link === undefined ? position : width + index,
  )
  return {
    extra: side.link === undefined ? [] : side.nodes,
    placesOf: (row) => places.get(joinTexts(positions.map((at) => row[at] ?? ''))) ?? [],
  }
}

/** `{1,3}`: the places of an array from 1 on. */
function placesIn(text: string | null): readonly number[] {
  return text === null
    ? []
    : text
        .slice(1, -1)
        .split(',')
        .map((place) => Number(place) - 1)
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
