import { DataBridgeError, describe } from '../errors.ts'
import { timestamptzType } from '../schema/column-types.ts'
import { arrayLiteral, type Elements } from './array-literal.ts'
import {
  type Condition,
  type Expression,
  isSqlNode,
  type Order,
  type Parameter,
  type Parse,
  type SqlNode,
} from './node.ts'
import type { SqlWriter } from './writer.ts'

/**
 * SQL of your own: text with bound parameters. It can be executed, used as a condition, an
 * expression or an order, and nested in another `sql` template.
 */
export class Sql<T = unknown> implements SqlNode, Condition, Expression<T>, Order {
  /** For the type checker only. */
  declare readonly _result?: T
  readonly isOrder = true as const
  readonly isRaw = true as const
  readonly shape: string
  readonly parameters: readonly Parameter[]
  readonly width = 1
  readonly #strings: readonly string[]
  readonly #parts: readonly (SqlNode | undefined)[]

  constructor(
    strings: readonly string[],
    parts: readonly (SqlNode | undefined)[],
    parameters: readonly Parameter[],
  ) {
    this.#strings = strings
    this.#parts = parts
    this.parameters = parameters
    this.shape = `sql${JSON.stringify(strings)}${parts.map(shapeOf).join('')}`
  }

  write(writer: SqlWriter): void {
    this.#strings.forEach((text, index) => {
      writer.append(text)
      if (index >= this.#parts.length) return
      const part = this.#parts[index]
      if (part === undefined) writer.parameter()
      else writer.node(part)
    })
  }

  decode(text: string | null, parse: Parse): unknown {
    return text === null ? null : parse(text)
  }
}

// With its length, so that it needs no quotes: quoted again at each level it would double with each.
function shapeOf(part: SqlNode | undefined): string {
  return part === undefined ? '$' : `${part.shape.length}:${part.shape}`
}

/**
 * A piece of SQL; every value becomes a bound parameter, never text. Columns, conditions and other
 * `sql` templates are put in as SQL.
 *
 * @example
 * ```ts
 * import { type Session, sql } from 'fastify-data-bridge/orm'
 *
 * export async function backend(session: Session): Promise<number | undefined> {
 *   const [row] = await session.execute<{ pid: number }>(sql`select pg_backend_pid() as pid`)
 *   return row?.pid
 * }
 * ```
 */
export function sql<T = unknown>(
  strings: TemplateStringsArray,
  ...values: readonly unknown[]
): Sql<T> {
  if (!Array.isArray(strings) || !('raw' in strings)) {
    throw new DataBridgeError(
      'DATA_BRIDGE_ERR_QUERY',
      `sql expected to be used as a template tag: sql\`select …\`; it was called with ${describe(strings)}`,
    )
  }
  const parts = values.map((value) => (isSqlNode(value) ? value : undefined))
  const parameters = values.flatMap((value, index) =>
    isSqlNode(value) ? value.parameters : [parameterOf(value, index)],
  )
  return new Sql<T>(strings, parts, parameters)
}

function parameterOf(value: unknown, index: number): Parameter {
  if (value === null) return null
  if (typeof value === 'string') return value
  if (typeof value === 'number' || typeof value === 'bigint' || typeof value === 'boolean')
    return String(value)
  if (timestamptzType.accepts(value)) return timestamptzType.encode(value as never)
  if (value instanceof Uint8Array) return value
  if (Array.isArray(value)) return arrayLiteral(value.map((each) => elementOf(each, index)))
  if (typeof value === 'object' && !(value instanceof Date)) return JSON.stringify(value)
  throw new DataBridgeError(
    'DATA_BRIDGE_ERR_QUERY',
    `sql expected a value for its parameter ${index + 1}; came ${describe(value)}`,
  )
}

function elementOf(value: unknown, index: number): Elements[number] {
  if (Array.isArray(value)) return value.map((each) => elementOf(each, index))
  const text = parameterOf(value, index)
  if (text instanceof Uint8Array) {
    throw new DataBridgeError(
      'DATA_BRIDGE_ERR_QUERY',
      `sql cannot bind an array of bytes as its parameter ${index + 1}`,
    )
  }
  return text
}
