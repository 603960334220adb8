import type { TableMetadata } from '../schema/metadata.ts'
import { literal, quote } from './identifier.ts'
import { requireConditions } from './logic.ts'
import type { Parameter, Sink, SqlNode } from './node.ts'
import { callWithRefs } from './refs.ts'
import { rootSource, type Source } from './source.ts'
import { DataBridgeError } from '../errors.ts'

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
  const condition = callWithRefs(rootSource(table), build, where)
  requireConditions(where, [condition])
  const sink = new InlineSink(table, where)
  ;(condition as SqlNode).write(sink)
  return sink.rendered
}

class InlineSink implements Sink {
  rendered = ''
  readonly #table: TableMetadata
  readonly #where: string

  constructor(table: TableMetadata, where: string) {
    this.#table = table
    this.#where = where
  }

  text(sql: string): void {
    this.rendered += sql
  }

  parameter(value: Parameter): void {
    this.rendered +=
      value === null
        ? 'null'
        : typeof value === 'string'
          ? literal(value)
          : `'\\x${Buffer.from(value).toString('hex')}'`
  }

  column(source: Source, name: string): void {
    if (source !== rootSource(this.#table)) throw this.#columnsOnly()
    this.rendered += quote(name)
  }

  scope(): never {
    throw this.#columnsOnly()
  }

  joined(): never {
    throw this.#columnsOnly()
  }

  requires(): never {
    throw this.#columnsOnly()
  }

  named(): never {
    throw this.#columnsOnly()
  }

  reads(): void {}

  #columnsOnly(): DataBridgeError {
    return new DataBridgeError(
      'DATA_BRIDGE_ERR_SCHEMA',
      `${this.#where} expected a condition on the columns of ${this.#table.entityName}, got one with a relation`,
    )
  }
}
