import { DataBridgeError, describe } from '../errors.ts'
import type { ColumnMetadata, TableMetadata } from '../schema/metadata.ts'
import { decodeColumn, encodeColumn, requireValue } from '../schema/values.ts'
import { arrayLiteral } from './array-literal.ts'
import {
  anyRaw,
  type Condition,
  type Expression,
  isSqlNode,
  noParameters,
  type Order,
  type Parameter,
} from './node.ts'
import type { SqlWriter } from './writer.ts'

/** A column in a callback of a query: `(user) => user.age.gt(18)`. */
export interface ColumnRef<T> extends Expression<T> {
  /** Equal; `eq(null)` means IS NULL. */
  eq(value: T | Expression<T | null>): Condition
  /** Not equal; `ne(null)` means IS NOT NULL. */
  ne(value: T | Expression<T | null>): Condition
  gt(value: NonNullable<T> | Expression<T | null>): Condition
  gte(value: NonNullable<T> | Expression<T | null>): Condition
  lt(value: NonNullable<T> | Expression<T | null>): Condition
  lte(value: NonNullable<T> | Expression<T | null>): Condition
  /** One of the values; of an empty list: none. */
  in(values: readonly NonNullable<T>[]): Condition
  notIn(values: readonly NonNullable<T>[]): Condition
  /** Between both, each included. */
  between(low: NonNullable<T>, high: NonNullable<T>): Condition
  /** Of a `text` column; `%` stands for any characters, `_` for one. */
  like(this: Expression<string | null>, pattern: string): Condition
  /** Like {@link like}, without regard to case. */
  ilike(this: Expression<string | null>, pattern: string): Condition
  isNull(): Condition
  isNotNull(): Condition
  asc(): Order
  desc(): Order
}

type Operator = '=' | '<>' | '>' | '>=' | '<' | '<=' | 'like' | 'ilike'

export class BoundColumn implements ColumnRef<unknown> {
  readonly table: TableMetadata
  readonly column: ColumnMetadata
  readonly shape: string
  readonly parameters: readonly Parameter[] = noParameters
  readonly #alias: string

  constructor(table: TableMetadata, column: ColumnMetadata, alias: string) {
    this.table = table
    this.column = column
    this.#alias = alias
    this.shape = `${alias}.${table.id}.${column.position}`
  }

  write(writer: SqlWriter): void {
    writer.column(this.table, this.#alias, this.column.name)
  }

  decode(text: string | null): unknown {
    return decodeColumn(this.column, text)
  }

  eq(value: unknown): Condition {
    return value === null ? this.isNull() : this.#compare('eq', '=', value)
  }

  ne(value: unknown): Condition {
    return value === null ? this.isNotNull() : this.#compare('ne', '<>', value)
  }

  gt(value: unknown): Condition {
    return this.#compare('gt', '>', value)
  }

  gte(value: unknown): Condition {
    return this.#compare('gte', '>=', value)
  }

  lt(value: unknown): Condition {
    return this.#compare('lt', '<', value)
  }

  lte(value: unknown): Condition {
    return this.#compare('lte', '<=', value)
  }

  in(values: readonly unknown[]): Condition {
    return this.#oneOf('in', ' = any(', values)
  }

  notIn(values: readonly unknown[]): Condition {
    return this.#oneOf('notIn', ' <> all(', values)
  }

  between(low: unknown, high: unknown): Condition {
    const parameters = [this.#encode('between', low), this.#encode('between', high)]
    return this.#condition('between', parameters, (writer) =>
      writer.node(this).append(' between ').parameter().append(' and ').parameter(),
    )
  }

  like(pattern: string): Condition {
    return this.#matches('like', pattern)
  }

  ilike(pattern: string): Condition {
    return this.#matches('ilike', pattern)
  }

  isNull(): Condition {
    return this.#condition('null', noParameters, (writer) => writer.node(this).append(' is null'))
  }

  isNotNull(): Condition {
    return this.#condition('notnull', noParameters, (writer) =>
      writer.node(this).append(' is not null'),
    )
  }

  asc(): Order {
    return this.#order('asc')
  }

  desc(): Order {
    return this.#order('desc')
  }

  #order(direction: 'asc' | 'desc'): Order {
    return {
      isOrder: true,
      shape: `${this.shape} ${direction}`,
      parameters: noParameters,
      write: (writer) => writer.node(this).append(` ${direction}`),
    }
  }

  #compare(method: string, operator: Operator, value: unknown): Condition {
    if (isSqlNode(value)) {
      return {
        shape: `${this.shape}${operator}(${value.shape})`,
        parameters: value.parameters,
        isRaw: anyRaw([value]),
        width: 1,
        write: (writer) => writer.node(this).append(` ${operator} `).node(value),
      }
    }
    return this.#condition(operator, [this.#encode(method, value)], (writer) =>
      writer.node(this).append(` ${operator} `).parameter(),
    )
  }

  #matches(operator: 'like' | 'ilike', pattern: unknown): Condition {
    if (this.column.type.sql !== 'text') {
      throw this.#error(operator, `is for text columns; this one is ${this.column.type.sql}`)
    }
    return this.#compare(operator, operator, pattern)
  }

  #oneOf(method: 'in' | 'notIn', operator: string, values: readonly unknown[]): Condition {
    if (!Array.isArray(values))
      throw this.#error(method, `expected an array; came ${describe(values)}`)
    const encoded = values.map((value) => this.#encode(method, value))
    return this.#condition(method, [arrayLiteral(encoded)], (writer) =>
      writer.node(this).append(operator).parameter().append(')'),
    )
  }

  #condition(
    operator: string,
    parameters: readonly Parameter[],
    write: (writer: SqlWriter) => void,
  ): Condition {
    return { shape: `${this.shape}${operator}`, parameters, width: 1, write }
  }

  #encode(method: string, value: unknown): string {
    if (value === undefined || value === null) {
      throw this.#error(method, `expected ${this.column.type.expected}; came ${describe(value)}`)
    }
    requireValue(this.table, this.column, value)
    return encodeColumn(this.column, value) as string
  }

  #error(method: string, message: string): DataBridgeError {
    const { entityName } = this.table
    return new DataBridgeError(
      'DATA_BRIDGE_ERR_FILTER',
      `${entityName}.${this.column.property}.${method}() ${message}`,
    )
  }
}
