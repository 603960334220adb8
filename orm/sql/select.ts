import type { TableMetadata } from '../schema/metadata.ts'
import { and } from './conditions.ts'
import { quote, quoteTable } from './identifier.ts'
import { type Condition, type Expression, type Order, parametersOf, type SqlNode } from './node.ts'
import { type Statement, statementsOf } from './statement.ts'
import { SqlWriter } from './writer.ts'

/** The alias of the table that a query is about. */
export const rootAlias = 't0'

/** What a SELECT says; the parts that are left out are empty. */
export interface SelectPlan {
  readonly table: TableMetadata
  readonly conditions: readonly Condition[]
  readonly orders: readonly Order[]
  readonly limit: number | undefined
  readonly offset: number | undefined
}

/** The rows of entities. */
export function selectRows(plan: SelectPlan): Statement {
  return select(plan, 'rows', [], (writer) => {
    writer.append(`select ${columnList(plan.table)}`)
    writeFrom(writer, plan)
    writeOrder(writer, plan)
    writePage(writer, plan)
  })
}

/** How many rows there are; of a page, how many are on it. */
export function selectCount(plan: SelectPlan): Statement {
  const isPage = plan.limit !== undefined || plan.offset !== undefined
  const unordered = { ...plan, orders: [] }
  return select(unordered, 'count', [], (writer) => {
    writer.append('select count(*)')
    if (isPage) writer.append(' from (select 1')
    writeFrom(writer, unordered)
    writePage(writer, unordered)
    if (isPage) writer.append(') as page')
  })
}

/** Whether there is a row. */
export function selectExists(plan: SelectPlan): Statement {
  const unordered = { ...plan, orders: [] }
  return select(unordered, 'exists', [], (writer) => {
    writer.append('select exists (select 1')
    writeFrom(writer, unordered)
    writePage(writer, unordered)
    writer.append(')')
  })
}

/** Values of expressions, of all rows or of each group. */
export function selectValues(
  plan: SelectPlan,
  expressions: readonly Expression<unknown>[],
  groups: readonly SqlNode[],
): Statement {
  const shape = `values(${shapes(expressions)})by(${shapes(groups)})`
  // `order by` and the page come last in the text, as they do in the plan.
  return select(
    plan,
    shape,
    expressions,
    (writer) => {
      writer.append('select ').list(expressions, ', ')
      writeFrom(writer, plan)
      if (groups.length > 0) writer.append(' group by ').list(groups, ', ')
      writeOrder(writer, plan)
      writePage(writer, plan)
    },
    groups,
  )
}

function select(
  plan: SelectPlan,
  what: string,
  projection: readonly SqlNode[],
  write: (writer: SqlWriter) => void,
  groups: readonly SqlNode[] = [],
): Statement {
  const { table, conditions, orders, limit, offset } = plan
  const page = `${limit === undefined ? '' : 'l'}${offset === undefined ? '' : 'o'}`
  const shape = `${what}|${shapes(conditions)}|${shapes(orders)}|${page}`
  const compiled = statementsOf(table).get(shape, () => {
    const writer = new SqlWriter(table)
    write(writer)
    return writer.text
  })
  const parameters = [...parametersOf([...projection, ...conditions, ...groups, ...orders])]
  if (limit !== undefined) parameters.push(String(limit))
  if (offset !== undefined) parameters.push(String(offset))
  return { ...compiled, parameters, kind: 'read', summary: `SELECT ${table.fullName}` }
}

function shapes(nodes: readonly SqlNode[]): string {
  return nodes.map(({ shape }) => shape).join(',')
}

const columnLists = new WeakMap<TableMetadata, string>()

function columnList(table: TableMetadata): string {
  let list = columnLists.get(table)
  if (list === undefined) {
    list = table.columns.map(({ name }) => `${quote(rootAlias)}.${quote(name)}`).join(', ')
    columnLists.set(table, list)
  }
  return list
}

function writeFrom(writer: SqlWriter, { table, conditions }: SelectPlan): void {
  writer.append(` from ${quoteTable(table)} as ${quote(rootAlias)}`)
  if (conditions.length > 0) writer.append(' where ').node(and(...conditions))
}

function writeOrder(writer: SqlWriter, { orders }: SelectPlan): void {
  if (orders.length > 0) writer.append(' order by ').list(orders, ', ')
}

function writePage(writer: SqlWriter, { limit, offset }: SelectPlan): void {
  if (limit !== undefined) writer.append(' limit ').parameter()
  if (offset !== undefined) writer.append(' offset ').parameter()
}
