import type { ColumnMetadata, TableMetadata } from '../schema/metadata.ts'
import { quoteTable } from './identifier.ts'
import { names } from './keyed-rows.ts'
import { noParameters } from './node.ts'
import type { Statement } from './statement.ts'

/** COPY of some columns, whose rows follow as text. */
export function copyStatement(table: TableMetadata, columns: readonly ColumnMetadata[]): Statement {
  return {
    text: `copy ${quoteTable(table)} (${names(columns)}) from stdin`,
    parameters: noParameters,
    kind: 'write',
    summary: `COPY ${table.fullName}`,
    tables: [table],
  }
}

const special = /[\\\n\r\t]/
const allSpecial = /[\\\n\r\t]/g
const escapes: Readonly<Record<string, string>> = {
  '\\': '\\\\',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
}

/** A line of COPY's text format. */
export function copyLine(texts: readonly (string | null)[]): string {
  let line = ''
  for (let index = 0; index < texts.length; index += 1) {
    if (index > 0) line += '\t'
    line += copyField(texts[index] as string | null)
  }
  return `${line}\n`
}

function copyField(text: string | null): string {
  if (text === null) return '\\N'
  if (!special.test(text)) return text
  return text.replace(allSpecial, (character) => escapes[character] as string)
}
