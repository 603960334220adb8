import type { ColumnMetadata, TableMetadata } from '../schema/metadata.ts'
import { type RowColumns, usualColumns } from '../schema/row-columns.ts'
import { decoderOf, placeColumn, rowDecoder, rowDecoderWith } from '../schema/row-decoder.ts'
import type { RowDecoder } from '../schema/wire-form.ts'
import { arrayLiteral } from '../schema/types/array-text.ts'
import { writeFilterOf } from './defaults.ts'
import { aliasedNames, quote, quoteTable } from './identifier.ts'
import { positions } from './keyed-rows.ts'
import type { Parameter } from './node.ts'
import { type Compiled, type Statement, statementsOf } from './statement.ts'
import type { TableCondition } from './table-condition.ts'
import { aroundTypedArray } from './typed-array.ts'

/** A part of a key: a text, or the half-open interval that a value stands for. */
export type KeyPart = string | readonly [from: string, to: string]

/** The parts of a key, in the order of its columns. */
export type KeyParts = readonly KeyPart[]

/**
 * The row with a key. More than one where an interval has several.
 *
 * @param filter what the row has to meet
 */
export function selectByKey(
  table: TableMetadata,
  key: KeyParts,
  columns: RowColumns = usualColumns(table),
  filter?: TableCondition,
): Statement {
  const hasRange = key.some(isRange)
  const ranges = hasRange ? `|${key.map(isRange).map(Number).join('')}` : ''
  const given = hasRange ? key.flat() : (key as readonly string[])
  const { shape, text, parameters } = narrowed(filter, given)
  const compiled = statementsOf(table).get(`key${columns.shape}${ranges}${shape}`, () =>
    reading(
      table,
      selectByKeyText(table, key.map(isRange), columns) + text,
      rowDecoder(table, columns),
    ),
  )
  return { ...compiled, parameters }
}

interface Narrowed {
  readonly shape: string
  readonly text: string
  readonly parameters: readonly Parameter[]
}

/** What a filter adds to a statement that has some parameters. */
function narrowed(filter: TableCondition | undefined, given: readonly string[]): Narrowed {
  if (filter === undefined) return { shape: '', text: '', parameters: given }
  let text = ''
  const parameters: Parameter[] = [...given]
  const to = {
    text: (sql: string): void => void (text += sql),
    parameter: (value: Parameter): void => void (text += `$${parameters.push(value)}`),
    reads: (): void => {},
  }
  writeFilterOf(to, ' and ', filter, 't0')
  return { shape: `|${filter.shape}`, text, parameters }
}

function reading(table: TableMetadata, text: string, decoder: RowDecoder): Compiled {
  return { text, kind: 'read', summary: `SELECT ${table.fullName}`, tables: [table], decoder }
}

function selectByKeyText(
  table: TableMetadata,
  ranges: readonly boolean[],
  columns: RowColumns,
): string {
  let parameters = 0
  const next = (): string => `$${(parameters += 1)}`
  const conditions = table.primaryKey.map((column, index) => {
    const name = `t0.${quote(column.name)}`
    return ranges[index] === true
      ? `${name} >= ${next()} and ${name} < ${next()}`
      : `${name} = ${next()}`
  })
  return `select ${aliasedNames('t0', columns.list)} from ${quoteTable(table)} as t0 where ${conditions.join(' and ')}`
}

/** What more is said of rows that are read by their keys. */
export interface KeyReading {
  /** A condition that they have to meet. */
  readonly filter?: TableCondition | undefined
  /** The types with which the database rounds and cuts given keys. */
  readonly casts?: readonly string[] | undefined
}

const noCasts: readonly string[] = Object.freeze([])
const noReading: KeyReading = Object.freeze({})

/**
 * The rows with any of many keys, in one statement whose text does not depend on how many there are.
 * Each row ends with the position of the key that found it, from 1 on: whether two texts are one key
 * is for PostgreSQL to say.
 *
 * @param casts what PostgreSQL makes of the values before it compares them, for each column
 */
export function selectByKeys(
  table: TableMetadata,
  columns: readonly ColumnMetadata[],
  keys: readonly KeyParts[],
  read: RowColumns = usualColumns(table),
  { filter, casts = noCasts }: KeyReading = noReading,
): Statement {
  const kinds = columns.map((_, index) => kindOf(keys, index))
  const shape = columns.map(({ position }, index) => `${position}${kinds[index]}`)
  const arrays = columns.flatMap((_, index) => arraysOf(keys, index, kinds[index] as KeyKind))
  const { shape: more, text, parameters } = narrowed(filter, arrays)
  const compiled = statementsOf(table).get(
    `keys${read.shape}|${shape.join()}${casts.join('')}${more}`,
    () =>
      reading(
        table,
        selectByKeysText(table, read.list, columns, kinds, casts) + text,
        rowDecoderWith(table, placeColumn, read),
      ),
  )
  return { ...compiled, parameters }
}

/** Some columns of the rows with these primary keys. Each row ends with the position of its key, from 1 on. */
export function selectOfKeys(
  table: TableMetadata,
  columns: readonly ColumnMetadata[],
  keys: readonly KeyParts[],
): Statement {
  const { primaryKey } = table
  const kinds = primaryKey.map((): KeyKind => 'text')
  const compiled = statementsOf(table).get(`of keys|${positions(columns)}`, () =>
    reading(
      table,
      selectByKeysText(table, columns, primaryKey, kinds),
      decoderOf(table, [...columns, placeColumn]),
    ),
  )
  return {
    ...compiled,
    parameters: primaryKey.flatMap((_, index) => arraysOf(keys, index, 'text')),
  }
}

/** Of the parts of one column: all texts, all intervals, or some of each. */
type KeyKind = 'text' | 'range' | 'mixed'

function kindOf(keys: readonly KeyParts[], index: number): KeyKind {
  const ranges = keys.filter((key) => isRange(key[index])).length
  if (ranges === 0) return 'text'
  return ranges === keys.length ? 'range' : 'mixed'
}

function selectByKeysText(
  table: TableMetadata,
  selected: readonly ColumnMetadata[],
  columns: readonly ColumnMetadata[],
  kinds: readonly KeyKind[],
  casts: readonly string[] = [],
): string {
  const arrays: string[] = []
  const item = (column: ColumnMetadata): string => {
    const [before, after] = aroundTypedArray(table, column)
    arrays.push(`${before}$${arrays.length + 1}${after}`)
    return `given.${quote(`#${arrays.length}`)}${column.type.itemCast}`
  }
  const conditions = columns.map((column, index) => {
    const name = `t0.${quote(column.name)}`
    const from = item(column)
    if (kinds[index] === 'text') return `${name} = ${from}${casts[index] ?? ''}`
    const within = `${name} >= ${from} and ${name} < ${item(column)}`
    return kinds[index] === 'range' ? within : `(${within} or ${name} = ${from})`
  })
  const names = [...arrays.map((_, index) => quote(`#${index + 1}`)), quote('#')]
  return (
    `select ${selected.length === 0 ? '' : `${aliasedNames('t0', selected)}, `}given.${quote('#')} from unnest(${arrays.join(', ')}) ` +
    `with ordinality as given (${names.join(', ')}) join ${quoteTable(table)} as t0 on ${conditions.join(' and ')}`
  )
}

function arraysOf(keys: readonly KeyParts[], index: number, kind: KeyKind): readonly string[] {
  const bounds = (bound: 0 | 1): string =>
    arrayLiteral(keys.map((key) => boundOf(key[index] as KeyPart, bound)))
  return kind === 'text' ? [bounds(0)] : [bounds(0), bounds(1)]
}

function boundOf(part: KeyPart, bound: 0 | 1): string {
  return typeof part === 'string' ? part : part[bound]
}

function isRange(part: KeyPart | undefined): boolean {
  return part !== undefined && typeof part !== 'string'
}
