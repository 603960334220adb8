import type { Identity } from '../entity/identity.ts'
import type { ColumnMetadata, RelationMetadata } from '../schema/metadata.ts'
import { columnsWith } from '../schema/row-columns.ts'
import { type ExtraColumn, placeColumn, rowDecoderWith } from '../schema/row-decoder.ts'
import type { Through } from '../schema/relation-metadata.ts'
import type { Row } from '../schema/wire-form.ts'
import { Compare, OneOf, Param } from '../sql/comparisons.ts'
import type { Defaults } from '../sql/defaults.ts'
import { and } from '../sql/logic.ts'
import type { Condition, Order, SqlNode } from '../sql/node.ts'
import { withColumn } from '../sql/projections.ts'
import { byKey, readsOf, type RowsRead, rowsWhere, Select, selectStatement } from '../sql/select.ts'
import { rootSource, type Source } from '../sql/source.ts'
import { render, type Statement } from '../sql/statement.ts'
import type { ReadTables } from '../sql/text-sink.ts'
import { type Choice as ChoiceOfEach, EachKey } from './each-key.ts'
import type { JoinTree } from './join-tree.ts'
import { statementOf, widthsOf, type Widths } from './joined-select.ts'
import { GivenKeys, givenPlace, type KeyTexts, textsAt } from './keys.ts'
import { defaultsOf, type LoadPlan } from './loader.ts'
import { farSide, type Side } from './side.ts'

/** Owners that have one key. */
export interface Keyed {
  readonly texts: KeyTexts
}

/** A statement for many keys, and how its rows are matched with them. */
export interface Batched<G> {
  readonly statement: Statement
  readonly widths: Widths
  /** Whether the statement may give a row several times. */
  readonly mayRepeat: boolean
  readonly groupOf: (row: Row) => G | undefined
}

/** The rows that a relation of one owner leads to. */
export function selectRelated(
  relation: RelationMetadata,
  texts: KeyTexts,
  defaults: Defaults,
): Statement {
  const { source, nodes, link, isBare } = farSide(relation)
  const parts = rowsWhere(source, defaults, equalTo(nodes, texts), usualOrder(relation, source))
  return selectStatement(new Select({ ...parts, joins: link, isBare }))
}

/**
 * The rows that a relation of many owners leads to, by their keys.
 *
 * @param byIdentity the groups by their keys as the far side keeps them
 * @param tree the relations that are joined to the rows
 * @param session the default filters that hold in the session
 */
export function selectRelatedOfMany<G extends Keyed>(
  plan: LoadPlan,
  groups: readonly G[],
  byIdentity: ReadonlyMap<Identity, G>,
  tree: JoinTree,
  session: Defaults,
): Batched<G> {
  const { relation, limit } = plan
  const side = farSide(relation)
  const orders = plan.orders.length > 0 ? plan.orders : usualOrder(relation, side.source)
  const columns = columnsWith(relation.target, plan.undeferred)
  const defaults = defaultsOf({ defaults: session }, plan)
  const choice = { where: plan.where, orders, columns, defaults }
  const keys = groups.map(({ texts }) => texts)
  const { rows, ...matching } =
    limit === undefined && isMatchedHere(side)
      ? matchedByTexts(side, textsAt(keys, 0), choice, byIdentity)
      : matchedByPlace(groups, rowsOfKeys(side, relation.through, keys, choice, limit))
  return { ...matching, statement: statementOf(rows, tree, session), widths: widthsOf(rows, tree) }
}

/** Which rows to load, and what of them. */
type Choice = Omit<ChoiceOfEach, 'limit'>

/** Rows, and the group that each belongs to. */
interface Matched<G> extends Pick<Batched<G>, 'mayRepeat' | 'groupOf'> {
  readonly rows: RowsRead
}

/** By one column: the key is what is kept of the column in the row. */
function matchedByTexts<G>(
  side: Side,
  texts: readonly string[],
  { where, orders, columns, defaults }: Choice,
  byIdentity: ReadonlyMap<Identity, G>,
): Matched<G> {
  const { source, link, isBare } = side
  const [column] = side.columns as readonly [ColumnMetadata]
  const [node] = side.nodes as readonly [SqlNode]
  const found = new OneOf(node, texts, false)
  const condition = where === undefined ? found : and(found, where)
  const position = link === undefined ? column.position : source.table.rowColumns.length
  return {
    rows:
      link === undefined
        ? readsOf(
            new Select({ ...rowsWhere(source, defaults, condition, orders, columns), isBare }),
          )
        : selectRows(side, { where: condition, orders, columns, defaults }, link, node, column),
    mayRepeat: link !== undefined,
    groupOf: (row) => byIdentity.get(row[position] ?? null),
  }
}

/** By the place of the key, which is the last column: PostgreSQL decides which keys are equal. */
function matchedByPlace<G>(groups: readonly G[], rows: RowsRead): Matched<G> {
  const place = rows.table.rowColumns.length
  return { rows, mayRepeat: true, groupOf: (row) => groups[Number(row[place]) - 1] }
}

/** The rows for each key, with its place. */
function rowsOfKeys(
  side: Side,
  through: Through | undefined,
  keys: readonly KeyTexts[],
  choice: Choice,
  limit: number | undefined,
): RowsRead {
  if (limit === undefined)
    return selectRows(side, choice, new GivenKeys(side, keys), givenPlace, placeColumn)
  const { table } = side.source
  return {
    table,
    node: new EachKey(side, through, keys, { ...choice, limit }),
    decoder: rowDecoderWith(table, placeColumn, choice.columns),
    isOrdered: true,
  }
}

/** The tables that a loader and those nested in it read. */
export function tablesRead(plan: LoadPlan, session: Defaults): ReadTables {
  const { relation, where, orders, loaders } = plan
  const defaults = defaultsOf({ defaults: session }, plan)
  const { target, through } = relation
  const tables = [target, ...(through === undefined ? [] : [through.table])]
  const source = rootSource(target)
  // Conditions and orders may read more tables: those of related rows, or any table in your own SQL.
  const chosen: ReadTables =
    where === undefined && orders.length === 0 && defaults.behind(relation)?.readsAny !== true
      ? []
      : render(new Select(rowsWhere(source, defaults, where, orders))).tables
  const below = loaders.map((each) => tablesRead(each, session))
  return [tables, chosen, ...below].reduce(joinTables)
}

/** The tables of both. */
export function joinTables(one: ReadTables, other: ReadTables): ReadTables {
  return one === 'any' || other === 'any' ? 'any' : [...one, ...other]
}

/** Whether JavaScript can match rows with keys: equal values have equal texts. */
function isMatchedHere({ columns }: Side): boolean {
  return columns.length === 1 && columns[0]?.type.hasExactText === true
}

function selectRows(
  { source, isBare }: Side,
  { where, orders, columns, defaults }: Choice,
  joins: SqlNode,
  extra: SqlNode,
  read: ColumnMetadata | ExtraColumn,
): RowsRead {
  const parts = rowsWhere(source, defaults, where, orders, columns)
  const decoder = rowDecoderWith(source.table, read, columns)
  const projection = withColumn(parts.projection, extra, decoder)
  return readsOf(new Select({ ...parts, projection, joins, isBare }))
}

/** The columns have these values. */
export function equalTo(nodes: readonly SqlNode[], texts: KeyTexts): Condition {
  return and(
    ...nodes.map((node, index) => new Compare(node, '=', new Param(texts[index] as string))),
  )
}

/** The order by the primary key, if there may be several rows. */
function usualOrder({ cardinality, pairs }: RelationMetadata, source: Source): readonly Order[] {
  const isOne = cardinality === 'one' && source.table.isUnique(pairs.map(([, remote]) => remote))
  return isOne ? [] : byKey(source)
}
