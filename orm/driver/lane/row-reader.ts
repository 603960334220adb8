import type { ColumnDecoder, Primitive, Row, RowDecoder } from '../../schema/wire-form.ts'
import { canGenerate, generate } from '../../util/code-generation.ts'
import { int16At, int32At, utf8At } from './bytes.ts'
import { laneError } from './lane-error.ts'

/** Reads the body of a DataRow, which begins at `at`. */
export type RowReader = (bytes: Buffer, at: number) => Row

/** Rows as PostgreSQL's texts, whatever their columns are. */
export function readTextRow(bytes: Buffer, at: number): Row {
  const width = int16At(bytes, at)
  const row: (string | null)[] = []
  let next = at + 2
  for (let column = 0; column < width; column += 1) {
    const length = int32At(bytes, next)
    next += 4
    if (length === -1) row.push(null)
    else row.push(utf8At(bytes, next, (next += length)))
  }
  return row
}

/** @param isBinary which columns come in binary format */
export function readerOf(decoder: RowDecoder, isBinary: readonly boolean[]): RowReader {
  const careful = carefulReader(decoder, isBinary)
  return canGenerate() ? generated(decoder, isBinary, careful) : careful
}

function carefulReader(decoder: RowDecoder, isBinary: readonly boolean[]): RowReader {
  const { columns, gaps = none } = decoder
  const read = columns.map((column, at) => columnReader(column, isBinary[at] === true))
  return (bytes, at) => {
    requireWidth(columns.length, int16At(bytes, at))
    const row: Primitive[] = []
    let next = at + 2
    let gap = 0
    for (let column = 0; column < read.length; column += 1) {
      gap = skipGaps(row, gaps, gap)
      const length = int32At(bytes, next)
      next += 4
      if (length === -1) {
        row.push(null)
        continue
      }
      try {
        row.push(read[column]!(bytes, next, length))
      } catch (error) {
        throw decoder.explain(error, column, row)
      }
      next += length
    }
    skipGaps(row, gaps, gap)
    return row
  }
}

/** The gaps of a decoder that has none. */
export const none: readonly number[] = []

/**
 * Leaves the places of a row undefined that come next and that no column fills.
 *
 * @param gap the index of the next gap
 * @returns the index of the gap after those
 */
export function skipGaps(row: unknown[], gaps: readonly number[], gap: number): number {
  let next = gap
  while (gaps[next] === row.length) {
    row.push(undefined)
    next += 1
  }
  return next
}

type ColumnReader = (bytes: Buffer, at: number, length: number) => Primitive

function columnReader(column: ColumnDecoder, isBinary: boolean): ColumnReader {
  const { binary } = column
  if (isBinary && binary !== undefined) return (bytes, at, length) => binary.read(bytes, at, length)
  return (bytes, at, length) => column.fromText(utf8At(bytes, at, at + length))
}

/** The same in straight code. A row that fails is read again carefully, for its error. */
function generated(
  { columns, gaps = none }: RowDecoder,
  isBinary: readonly boolean[],
  careful: RowReader,
): RowReader {
  const lines = columns.map((_, at) => {
    const read =
      isBinary[at] === true
        ? `d${at}.read(bytes, next, length)`
        : `d${at}.fromText(bytes.utf8Slice(next, next + length))`
    return `
      length = (bytes[next] << 24) | (bytes[next + 1] << 16) | (bytes[next + 2] << 8) | bytes[next + 3]
      next += 4
      let c${at} = null
      if (length !== -1) {
        c${at} = ${read}
        next += length
      }`
  })
  const places = columns.map((_, at) => `c${at}`)
  for (const gap of gaps) places.splice(gap, 0, 'undefined')
  const decoders = columns.map((column, at) => (isBinary[at] === true ? column.binary : column))
  return generate<RowReader>(
    [...columns.map((_, at) => `d${at}`), 'careful'],
    [...decoders, careful],
    `function readRow(bytes, at) {
      if (((bytes[at] << 8) | bytes[at + 1]) !== ${columns.length}) return careful(bytes, at)
      let next = at + 2
      let length = 0
      try {${lines.join('')}
        return [${places.join(', ')}]
      } catch {
        return careful(bytes, at)
      }
    }`,
  )
}

function requireWidth(expected: number, got: number): void {
  if (got !== expected) throw widthError(expected, got)
}

export function widthError(expected: number, got: number): Error {
  return laneError(`Expected a row of ${expected} columns, got ${got}`)
}
