import type { TableMetadata } from '../schema/metadata.ts'
import { quote } from './identifier.ts'
import { tableCondition } from './table-condition.ts'

/**
 * A condition on the columns of one table as text, with its values in it: DDL takes no parameters.
 *
 * @param build the callback that gives it: `(row) => row.age.gte(0)`
 */
export function inlineSql(
  table: TableMetadata,
  build: (row: never) => unknown,
  where: string,
): string {
  let sql = ''
  const text = (piece: string): void => void (sql += piece)
  const to = { text, parameter: () => {}, reads: () => {} }
  tableCondition(table, build, where).inlined.write(to, (name) => text(quote(name)))
  return sql
}
