import { columnsWith, type RowColumns, usualColumns } from '../schema/row-columns.ts'
import { rowDecoder } from '../schema/row-decoder.ts'
import type { RowDecoder } from '../schema/wire-form.ts'
import { asValue } from './condition.ts'
import { aliasedNames, quote } from './identifier.ts'
import { shapesOf, type Sink, type SqlNode, writeList } from './node.ts'
import type { Source } from './source.ts'

/** What is selected: the columns of a row, or expressions. */
export interface Projection extends SqlNode {
  /** Puts the rows of the query into another: `select exists (…)`. */
  readonly around?: readonly [before: string, after: string] | undefined
  /** The expressions, where it selects values. */
  readonly values?: readonly SqlNode[]
  /** How its rows are read; undefined: as PostgreSQL's texts. */
  readonly decoder?: RowDecoder
}

const rowsOf = new WeakMap<Source, Projection>()

/** The columns of a source, in the order of its table. Deferred ones only if they are given. */
export function wholeRow(source: Source, columns?: RowColumns): Projection {
  if (columns !== undefined && columns.shape !== '') return rowProjection(source, columns)
  let projection = rowsOf.get(source)
  if (projection === undefined) {
    projection = rowProjection(source, usualColumns(source.table))
    rowsOf.set(source, projection)
  }
  return projection
}

/** All columns of a source. */
export function everyColumn(source: Source): Projection {
  return wholeRow(source, columnsWith(source.table, source.table.deferred))
}

function rowProjection(source: Source, columns: RowColumns): Projection {
  // Of a query's own table: the names need no join, and are the same each time.
  const text = aliasedNames(quote(source.alias), columns.list)
  return Object.freeze({
    shape: `rows${columns.shape}`,
    decoder: rowDecoder(source.table, columns),
    write: (sink: Sink) => sink.text(text),
  })
}

/** A projection with one more column behind it. */
export function withColumn(first: SqlNode, more: SqlNode, decoder: RowDecoder): Projection {
  const nodes = [first, more]
  return { shape: shapesOf(nodes), decoder, write: (sink) => writeList(sink, nodes, ', ') }
}

/** A projection with rows of other sources behind it, which a statement around it tells apart. */
export function withRows(first: Projection, others: readonly Projection[]): Projection {
  const nodes = [first, ...others]
  return {
    shape: shapesOf(nodes),
    ...(first.decoder && { decoder: first.decoder }),
    write: (sink) => writeList(sink, nodes, ', '),
  }
}

/**
 * Values of expressions.
 *
 * @param names of their columns, for a query around it
 */
export function valuesProjection(
  expressions: readonly SqlNode[],
  names?: readonly string[],
): Projection {
  const values = expressions.map(asValue)
  if (names === undefined) {
    return {
      shape: `values(${shapesOf(values)})`,
      values,
      write: (sink) => writeList(sink, values, ', '),
    }
  }
  return {
    shape: `values(${shapesOf(values)})as${JSON.stringify(names)}`,
    values,
    write(sink) {
      values.forEach((value, index) => {
        if (index > 0) sink.text(', ')
        value.write(sink)
        sink.text(` as ${quote(names[index] ?? '')}`)
      })
    },
  }
}

/** What another projection, whose values decide how many rows there are, is asked in place of its rows. */
export function asked(question: Projection, projection: Projection): Projection {
  return {
    shape: `${question.shape}(${projection.shape})`,
    values: projection.values ?? [],
    around: question.around,
    write: (sink) => projection.write(sink),
  }
}

const one = (sink: Sink): void => sink.text('1')

export const countAll: Projection = Object.freeze({
  shape: 'count',
  write: (sink: Sink) => sink.text('count(*)'),
})

export const countPage: Projection = Object.freeze({
  shape: 'count page',
  around: ['select count(*) from (', ') as page'] as const,
  write: one,
})

export const existsAny: Projection = Object.freeze({
  shape: 'exists',
  around: ['select exists (', ')'] as const,
  write: one,
})
