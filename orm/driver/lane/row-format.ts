import type { Primitive, Row, RowDecoder } from '../../schema/wire-form.ts'
import { readerOf, type RowReader, none, skipGaps, widthError } from './row-reader.ts'

/** In which format PostgreSQL sends each column of a result, and the reader of such rows. */
export interface RowFormat {
  /** Reads the body of a DataRow. */
  readonly read: RowReader
  /** The format codes of a Bind message, with their count. */
  readonly codes: Uint8Array
}

const allTexts = new Uint8Array(2)

const formats = new WeakMap<RowDecoder, Map<string, RowFormat>>()

/** Binary where the decoder reads the described type so, otherwise text. */
export function rowFormat(decoder: RowDecoder, typeIds: readonly number[] | undefined): RowFormat {
  const isBinary = decoder.columns.map(
    ({ binary }, at) =>
      binary !== undefined &&
      typeIds?.length === decoder.columns.length &&
      typeIds[at] === binary.oid,
  )
  const key = isBinary.map(Number).join('')
  let known = formats.get(decoder)
  if (known === undefined) formats.set(decoder, (known = new Map()))
  let format = known.get(key)
  if (format === undefined) {
    format = { read: readerOf(decoder, isBinary), codes: codesOf(isBinary) }
    known.set(key, format)
  }
  return format
}

/** Whether a decoder can read any column in binary format. */
export function readsBinary(decoder: RowDecoder): boolean {
  for (let at = 0; at < decoder.columns.length; at += 1)
    if (decoder.columns[at]!.binary !== undefined) return true
  return false
}

/** Reads a row of `pg`'s texts. */
export function readTexts(decoder: RowDecoder, texts: readonly (string | null)[]): Row {
  const { columns, gaps = none } = decoder
  if (texts.length !== columns.length) throw widthError(columns.length, texts.length)
  const row: Primitive[] = []
  let at = 0
  let gap = 0
  try {
    for (; at < texts.length; at += 1) {
      gap = skipGaps(row, gaps, gap)
      const text = texts[at]!
      row.push(text === null ? null : columns[at]!.fromText(text))
    }
  } catch (error) {
    throw decoder.explain(error, at, row)
  }
  skipGaps(row, gaps, gap)
  return row
}

function codesOf(isBinary: readonly boolean[]): Uint8Array {
  if (!isBinary.includes(true)) return allTexts
  const { length } = isBinary
  const codes = new Uint8Array(2 + 2 * length)
  codes[0] = length >> 8
  codes[1] = length
  isBinary.forEach((is, at) => (codes[3 + 2 * at] = Number(is)))
  return codes
}
