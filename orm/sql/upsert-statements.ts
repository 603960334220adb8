import type { ColumnMetadata, TableMetadata } from '../schema/metadata.ts'
import { type RowColumns } from '../schema/row-columns.ts'
import { placeColumn, rowDecoderWith } from '../schema/row-decoder.ts'
import { textOfKept } from '../schema/values.ts'
import type { Primitive, Row } from '../schema/wire-form.ts'
import { arrayParameter } from './array-parameter.ts'
import { freeName, quote, quoteTable } from './identifier.ts'
import { names, nextVersion, positions, writing } from './keyed-rows.ts'
import { type Compiled, type Statement, statementsOf } from './statement.ts'
import type { TableFacts } from './table-facts.ts'

/** What an INSERT does where a row is there already. */
export interface Conflict {
  /** The columns of a unique key; undefined: any key. */
  readonly on: readonly ColumnMetadata[] | undefined
  /** What the row that is there takes from the given one. Empty: it stays as it is. */
  readonly update: readonly ColumnMetadata[]
  /** The columns that get a value of `onUpdate()` then. */
  readonly renewed: readonly ColumnMetadata[]
}

/** Rows to insert, with values for the same columns. */
export interface ConflictingRows {
  readonly columns: readonly ColumnMetadata[]
  /** What is kept of each column, with an item for each row. */
  readonly values: readonly Row[]
  /** Whether values of an identity are stored that PostgreSQL always makes itself. */
  readonly overrides: boolean
  /** Columns that the statement asks the database for before the INSERT, and the SQL of their values. */
  readonly reserved: readonly (readonly [column: ColumnMetadata, maker: string])[]
  /** Whether a row that comes back is a given one: they are equal in these columns. */
  readonly match: readonly ColumnMetadata[]
  /** What is kept of the renewed columns of the conflict. */
  readonly renewed: Row
}

/**
 * Inserts rows, or changes those that are there. Each row that it gives is one that it wrote, with the place of the
 * given row behind it, from 1 on. PostgreSQL itself finds that place by the key: it promises no order of the rows,
 * and gives none where nothing is written.
 */
export function insertOrUpdateRows(
  table: TableMetadata,
  rows: ConflictingRows,
  conflict: Conflict,
  facts: TableFacts,
  returned: RowColumns,
): Statement {
  const { columns, values } = rows
  const isOne = values[0]?.length === 1
  const shape = [
    isOne ? 'upsert1' : 'upsert',
    rows.overrides ? '!' : '',
    positions(columns),
    positions(rows.reserved.map(([column]) => column)),
    conflict.on === undefined ? '' : `on${positions(conflict.on)}`,
    `${positions(conflict.update)}+${positions(conflict.renewed)}`,
    positions(rows.match),
    returned.shape,
  ].join('|')
  const compiled = statementsOf(table).get(shape + facts.shape, (): Compiled =>
    writing(
      'INSERT',
      table,
      isOne
        ? oneRowText(table, rows, conflict, returned)
        : manyRowsText(table, rows, conflict, facts, returned),
      rowDecoderWith(table, placeColumn, returned),
    ),
  )
  return {
    ...compiled,
    parameters: [
      ...columns.map((column, index) => {
        const items = values[index] as Row
        return isOne
          ? textOfKept(column, items[0] as Primitive)
          : arrayParameter(column, facts.castsOf(column), items)
      }),
      ...conflict.renewed.map((column, index) => textOfKept(column, rows.renewed[index] ?? null)),
    ],
  }
}

function oneRowText(
  table: TableMetadata,
  { columns, overrides }: ConflictingRows,
  conflict: Conflict,
  { list }: RowColumns,
): string {
  const values =
    columns.length === 0
      ? 'default values'
      : `values (${columns.map((_, index) => `$${index + 1}`).join(', ')})`
  return (
    `${intoText(table, columns, overrides)} ${values}${conflictText(table, conflict, columns.length)} ` +
    `returning ${[...list.map(({ name }) => `target.${quote(name)}`), '1::bigint'].join(', ')}`
  )
}

function manyRowsText(
  table: TableMetadata,
  { columns, overrides, reserved, match }: ConflictingRows,
  conflict: Conflict,
  facts: TableFacts,
  { list }: RowColumns,
): string {
  const all = [...columns, ...reserved.map(([column]) => column)]
  const place = quote(freeName('#', all))
  const casts = columns.map((column) => facts.castsOf(column))
  const arrays = casts.map(({ arrayCast }, index) => `$${index + 1}::${arrayCast}`)
  const items = [
    ...columns.map(({ name }, index) => {
      const cast = casts[index]?.itemCast ?? ''
      return cast === '' ? quote(name) : `${quote(name)}${cast} as ${quote(name)}`
    }),
    ...reserved.map(([{ name }, maker]) => `(${maker}) as ${quote(name)}`),
    place,
  ]
  const keys = match.map((column) => {
    const name = quote(column.name)
    return `written.${name} = given.${name}${facts.storedCast(column)}`
  })
  const back = list.map(({ name }) => `written.${quote(name)}`)
  return (
    `with given as materialized (select ${items.join(', ')} from unnest(${arrays.join(', ')}) ` +
    `with ordinality as given (${names(columns)}, ${place})), ` +
    `written as (${intoText(table, all, overrides)} select ${names(all)} from given order by ${place}` +
    `${conflictText(table, conflict, columns.length)} returning ${list.map(({ name }) => `target.${quote(name)}`).join(', ')}) ` +
    `select ${[...back, `given.${place}`].join(', ')} from written join given on ${keys.join(' and ')} ` +
    `order by given.${place}`
  )
}

function intoText(
  table: TableMetadata,
  columns: readonly ColumnMetadata[],
  overrides: boolean,
): string {
  const list = columns.length === 0 ? '' : ` (${names(columns)})`
  return `insert into ${quoteTable(table)} as target${list}${overrides ? ' overriding system value' : ''}`
}

/** @param parameters how many are before its own */
function conflictText(
  table: TableMetadata,
  { on, update, renewed }: Conflict,
  parameters: number,
): string {
  const target = on === undefined ? '' : ` (${names(on)})`
  if (update.length === 0) return ` on conflict${target} do nothing`
  const sets = update.map(({ name }) => `${quote(name)} = excluded.${quote(name)}`)
  const made = renewed.map(({ name }, index) => `${quote(name)} = $${parameters + index + 1}`)
  const all = [...sets, ...made, ...nextVersion(table, 'target.')]
  return ` on conflict${target} do update set ${all.join(', ')}`
}
