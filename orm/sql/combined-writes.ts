import type { TableMetadata } from '../schema/metadata.ts'
import { placeColumn } from '../schema/row-decoder.ts'
import type { ColumnDecoder, Row, RowDecoder } from '../schema/wire-form.ts'
import { type Compiled, type Statement, statementsOf } from './statement.ts'

/**
 * Several writes as one statement, so that PostgreSQL checks their foreign keys when all of them are done. A row of the
 * result is one of a write, see {@link partOfRow}. A write without columns gives rows without columns.
 *
 * @param table the one that keeps the statement
 */
export function combinedWrites(table: TableMetadata, writes: readonly Statement[]): Statement {
  const shape = `together|${writes.map(({ text }) => text).join(';')}`
  const compiled = statementsOf(table).get(shape, () => compile(writes))
  return { ...compiled, parameters: writes.flatMap(({ parameters }) => parameters) }
}

/** The position of the write that a row belongs to, and its columns. */
export function partOfRow(
  row: Row,
  writes: readonly Statement[],
): { readonly part: number; readonly row: Row } {
  let at = 0
  for (let part = 0; part < writes.length; part += 1) {
    const width = widthOf(writes[part] as Statement)
    if (row[at] !== null) return { part, row: row.slice(at + 1, at + 1 + width) }
    at += 1 + width
  }
  throw new RangeError('expected a row of one of the writes, got one of none')
}

function compile(writes: readonly Statement[]): Compiled {
  let used = 0
  const parts = writes.map((write, index) => {
    const text = renumbered(write.text, used)
    used += write.parameters.length
    const width = widthOf(write)
    const names = Array.from({ length: Math.max(width, 1) }, (_, at) => `c${at}`).join(', ')
    return {
      source: `part${index} (${names}) as (${text}${width === 0 ? ' returning 1' : ''})`,
      rows: `(select ${index}::bigint as part${width === 0 ? '' : `, part${index}.*`} from part${index}) as rows${index}`,
    }
  })
  const [first, ...others] = parts.map(({ rows }) => rows)
  return {
    // Each row stands alone: nothing joins it.
    text:
      `with ${parts.map(({ source }) => source).join(', ')} ` +
      `select * from ${first}${others.map((rows) => ` full join ${rows} on false`).join('')}`,
    kind: 'write',
    summary: writes.map(({ summary }) => summary).join(', '),
    tables: [...new Set(writes.flatMap(({ tables }) => (tables === 'any' ? [] : [...tables])))],
    decoder: decoderOfParts(writes),
  }
}

function widthOf({ decoder }: Statement): number {
  return decoder?.columns.length ?? 0
}

// Only names are quoted in the text of a write: no parameter is inside quotes.
const quotedOrParameter = /"(?:[^"]|"")*"|\$(\d+)/g

function renumbered(text: string, by: number): string {
  return text.replaceAll(quotedOrParameter, (found: string, number: string | undefined) =>
    number === undefined ? found : `$${Number(number) + by}`,
  )
}

function decoderOfParts(writes: readonly Statement[]): RowDecoder {
  const columns: ColumnDecoder[] = []
  const owners: { readonly write: Statement; readonly from: number }[] = []
  for (const write of writes) {
    columns.push(placeColumn.decoder, ...(write.decoder?.columns ?? []))
    while (owners.length < columns.length)
      owners.push({ write, from: columns.length - widthOf(write) })
  }
  return Object.freeze({
    columns: Object.freeze(columns),
    explain(cause: unknown, index: number, row: Row): unknown {
      const owner = owners[index]
      if (owner === undefined || index < owner.from) return cause
      return owner.write.decoder?.explain(cause, index - owner.from, row.slice(owner.from))
    },
  })
}
