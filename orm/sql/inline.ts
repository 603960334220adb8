import { DataBridgeError } from '../errors.ts'
import type { TableMetadata } from '../schema/metadata.ts'
import { requireConditions } from './conditions.ts'
import { literal, quote } from './identifier.ts'
import type { Condition, Parameter } from './node.ts'
import { refsOf } from './refs.ts'
import { SqlWriter } from './writer.ts'

/** The SQL of a condition on the rows of a table, for DDL: literals in place of parameters, columns without an alias. */
export function inlineSql(
  table: TableMetadata,
  build: (row: never) => unknown,
  where: string,
): string {
  const condition = build(refsOf(table, 't') as never)
  requireConditions(where, [condition])
  return new InlineWriter(table, condition as Condition).text
}

class InlineWriter extends SqlWriter {
  readonly #of: TableMetadata
  readonly #parameters: Iterator<Parameter>

  constructor(table: TableMetadata, condition: Condition) {
    super(table)
    this.#of = table
    this.#parameters = condition.parameters.values()
    this.node(condition)
  }

  override parameter(): this {
    const { value } = this.#parameters.next()
    if (value === null || value === undefined) return this.append('null')
    return this.append(
      literal(typeof value === 'string' ? value : `\\x${Buffer.from(value).toString('hex')}`),
    )
  }

  override column(table: TableMetadata, _alias: string, name: string): this {
    if (table === this.#of) return this.append(quote(name))
    throw new DataBridgeError(
      'DATA_BRIDGE_ERR_QUERY',
      `a condition of ${this.#of.entityName} uses its own columns only; got ${name} of ${table.entityName}`,
    )
  }
}
