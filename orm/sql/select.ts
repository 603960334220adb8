import { DataBridgeError } from '../errors.ts'
import type { TableMetadata } from '../schema/metadata.ts'
import type { RowColumns } from '../schema/row-columns.ts'
import { rowDecoder } from '../schema/row-decoder.ts'
import type { RowDecoder } from '../schema/wire-form.ts'
import { bind, isSame, parametersOf } from './bind-sink.ts'
import { isAggregate } from './calls.ts'
import { asValue } from './condition.ts'
import { type Defaults, writeFilter } from './defaults.ts'
import type { RowLock } from './lock.ts'
import { columnRef } from './refs.ts'
import {
  type Condition,
  levelsOfSubQuery,
  type Order,
  requireDepth,
  shapesOf,
  type Sink,
  type SqlNode,
  writeEnclosed,
  writeList,
} from './node.ts'
import { Ordering } from './ordering.ts'
import { asked, countAll, countPage, existsAny, type Projection, wholeRow } from './projections.ts'
import type { Source } from './source.ts'
import { type Compiled, render, type Statement, statementsOf } from './statement.ts'

/** The parts of a SELECT. Immutable; the parts that are left out are undefined or empty. */
export interface SelectParts {
  readonly from: Source
  /** The default filters that hold for its table, and for the rows behind its relations. */
  readonly defaults: Defaults
  /** Whether that of its own table does not hold: the relation that leads to its rows leaves it out. */
  readonly isBare?: boolean | undefined
  readonly projection: Projection
  /** Equal rows once; with expressions: of the rows with equal values of these the first. */
  readonly distinct?: 'rows' | readonly SqlNode[] | undefined
  /** Joins that the query asks for; those that its columns ask for are derived. */
  readonly joins?: SqlNode | undefined
  readonly where: Condition | undefined
  readonly groups: readonly SqlNode[]
  readonly having: Condition | undefined
  readonly orders: readonly Order[]
  readonly limit: number | undefined
  readonly offset: number | undefined
  readonly lock?: RowLock | undefined
}

/** A SELECT, whole or as a sub-query. */
export class Select implements SqlNode {
  readonly parts: SelectParts

  constructor(parts: SelectParts) {
    const { values } = parts.projection
    const isPlain = parts.groups.length === 0 && parts.distinct === undefined
    this.parts = values === undefined || isPlain ? parts : byPlaces(withValues(parts), values)
  }

  get depth(): number {
    const { from, projection, joins, where, groups, having, orders } = this.parts
    const nodes = [
      from.rows,
      joins,
      where,
      having,
      ...groups,
      ...orders,
      ...(projection.values ?? []),
    ]
    return requireDepth(Math.max(...nodes.map((node) => node?.depth ?? 0)) + levelsOfSubQuery)
  }

  get shape(): string {
    const { from, projection, joins, where, groups, having, orders, limit, offset, lock } =
      this.parts
    const page = `${distinctShape(this.parts)}${limit === undefined ? '' : 'l'}${offset === undefined ? '' : 'o'}${lock?.shape ?? ''}`
    const grouped =
      groups.length === 0 && having === undefined
        ? ''
        : `by(${shapesOf(groups)})${having === undefined ? '' : `having(${having.shape})`}`
    return `${from.shape}${defaultsShape(this.parts)}|${projection.shape}${joins === undefined ? '' : `+${joins.shape}`}|${where?.shape ?? ''}|${grouped}${shapesOf(orders)}|${page}`
  }

  write(sink: Sink): void {
    const { from, defaults, projection, joins, groups, having, orders, limit, offset, lock } =
      this.parts
    const [before, after] = projection.around ?? ['', '']
    sink.text(before)
    const write = (writeFrom: () => void): void => {
      sink.text('select ')
      writeDistinct(sink, this.parts)
      projection.write(sink)
      writeFrom()
      joins?.write(sink)
      writeWhere(sink, this.parts)
      if (groups.length > 0) {
        sink.text(' group by ')
        writeList(sink, groups, ', ')
      }
      if (having !== undefined) {
        sink.text(' having ')
        having.write(sink)
      }
      if (orders.length > 0) {
        sink.text(' order by ')
        writeList(sink, orders, ', ')
      }
      writePage(sink, ' limit ', limit)
      writePage(sink, ' offset ', offset)
      lock?.write(sink)
    }
    sink.scope(from, write, defaults)
    sink.text(after)
  }
}

/** Conditions are true or false where rows are grouped by them. */
function withValues(parts: SelectParts): SelectParts {
  const { groups, distinct } = parts
  return {
    ...parts,
    groups: groups.map(asValue),
    distinct: typeof distinct === 'object' ? distinct.map(asValue) : distinct,
  }
}

/**
 * Replaces groups and orders with parameters by the position of the same selected expression: for PostgreSQL
 * `date_trunc($1, at)` and `date_trunc($2, at)` are two expressions.
 */
function byPlaces(parts: SelectParts, values: readonly SqlNode[]): SelectParts {
  if (parts.distinct === 'rows') requireSelected(parts, values)
  const placeOf = (node: SqlNode): SqlNode => {
    if (parametersOf(node).length === 0) return node
    const index = values.findIndex((value) => isSame(value, node))
    if (index < 0) return node
    const place = String(index + 1)
    return { shape: `place ${place}`, write: (sink) => sink.text(place) }
  }
  return {
    ...parts,
    distinct: typeof parts.distinct === 'object' ? parts.distinct.map(placeOf) : parts.distinct,
    groups: parts.groups.map(placeOf),
    orders: parts.orders.map((order) => {
      if (order instanceof Ordering)
        return new Ordering(placeOf(order.by), order.direction, order.nulls)
      const place = placeOf(order)
      return place === order ? order : new Ordering(place, 'asc')
    }),
  }
}

/** Rows that are equal in what is selected may differ in what is not. Your own SQL says its direction too, so it is no value. */
function requireSelected({ from, orders }: SelectParts, values: readonly SqlNode[]): void {
  for (const order of orders) {
    if (!(order instanceof Ordering) || order.direction === '') continue
    if (!values.some((value) => isSame(value, order.by))) throw distinctError(from)
  }
}

/** Equal rows have no order of what is not selected. */
export function distinctError({ table }: Source): DataBridgeError {
  return new DataBridgeError(
    'DATA_BRIDGE_ERR_QUERY',
    `find(${table.entityName}).distinct() expected an order of selected values, got another: order the rows behind distinct()`,
  )
}

function distinctShape({ distinct }: SelectParts): string {
  if (distinct === undefined) return ''
  return distinct === 'rows' ? 'd' : `d(${shapesOf(distinct)})`
}

function defaultsShape({ defaults, isBare }: SelectParts): string {
  return isBare === true ? `${defaults.shape}!` : defaults.shape
}

/** ` where `, the default filter of the table, and the conditions of the program. */
export function writeWhere(
  sink: Sink,
  { from, defaults, isBare, where }: Pick<SelectParts, 'from' | 'defaults' | 'isBare' | 'where'>,
): void {
  const filter = from.rows !== undefined || isBare === true ? undefined : defaults.of(from.table)
  writeFilter(sink, ' where ', filter, from)
  if (where === undefined) return
  sink.text(filter === undefined ? ' where ' : ' and ')
  if (filter === undefined) where.write(sink)
  else writeEnclosed(sink, where)
}

function writeDistinct(sink: Sink, { distinct }: SelectParts): void {
  if (distinct === undefined) return
  sink.text('distinct ')
  if (distinct === 'rows') return
  sink.text('on (')
  writeList(sink, distinct, ', ')
  sink.text(') ')
}

function writePage(sink: Sink, word: string, rows: number | undefined): void {
  if (rows === undefined) return
  sink.text(word)
  sink.parameter(String(rows))
}

/** The statement of a SELECT: its text is rendered once for each shape. */
export function selectStatement(select: Select): Statement {
  const { from, projection, lock } = select.parts
  return locking(readStatement(from.table, select, projection.decoder), lock)
}

/** The statement in a transaction, if it locks. */
export function locking(statement: Statement, lock: RowLock | undefined): Statement {
  return lock === undefined ? statement : { ...statement, needsTransaction: true }
}

/** What reads the rows of entities, for a statement around it. */
export interface RowsRead {
  readonly table: TableMetadata
  readonly node: SqlNode
  readonly decoder: RowDecoder
  /** Whether the order of its rows counts. */
  readonly isOrdered: boolean
}

/** The rows that a SELECT of entities reads. */
export function readsOf(select: Select): RowsRead {
  const { from, projection, orders } = select.parts
  return {
    table: from.table,
    node: select,
    decoder: projection.decoder ?? rowDecoder(from.table),
    isOrdered: orders.length > 0,
  }
}

/** A statement that reads, about a table. */
export function readStatement(
  table: TableMetadata,
  node: SqlNode,
  decoder: RowDecoder | undefined,
): Statement {
  // First, since too many parameters are refused.
  const { parameters, names } = bind(node)
  return { ...compiledRead(table, node, names, decoder), parameters }
}

function compiledRead(
  table: TableMetadata,
  node: SqlNode,
  names: string,
  decoder: RowDecoder | undefined,
): Compiled {
  return statementsOf(table).get(node.shape + names, () => ({
    ...render(node),
    kind: 'read',
    summary: `SELECT ${table.fullName}`,
    decoder,
  }))
}

/** How many rows there are; of a page, how many are on it. */
export function countOf(parts: SelectParts): Select {
  if (dependsOnValues(parts)) return asking(parts, asked(countPage, parts.projection))
  const isPage = (parts.limit ?? parts.offset ?? parts.distinct) !== undefined
  return asking(parts, isPage ? countPage : countAll)
}

/** Whether there is a row. */
export function existsOf(parts: SelectParts): Select {
  const { projection } = parts
  return asking(parts, dependsOnValues(parts) ? asked(existsAny, projection) : existsAny)
}

function asking(parts: SelectParts, projection: Projection): Select {
  return new Select({ ...parts, orders: [], lock: undefined, projection })
}

/** Whether what is selected decides how many rows there are: your own SQL may be an aggregate, or give several rows. */
function dependsOnValues({ projection: { values = [] }, groups, distinct }: SelectParts): boolean {
  if (groups.length > 0 || distinct === 'rows') return true
  return values.some((value) => value.isRaw === true || isAggregate(value))
}

/** The rows of entities that a condition chooses; without a condition all. */
export function rowsWhere(
  from: Source,
  defaults: Defaults,
  where: Condition | undefined,
  orders: readonly Order[],
  columns?: RowColumns,
): SelectParts {
  return {
    from,
    defaults,
    projection: wholeRow(from, columns),
    where,
    groups: [],
    having: undefined,
    orders,
    limit: undefined,
    offset: undefined,
  }
}

/** The order of the primary key. */
export function byKey(source: Source): readonly Order[] {
  const { primaryKey }: TableMetadata = source.table
  return primaryKey.map(({ property }) => columnRef(source, property).asc())
}
