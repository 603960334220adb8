import { findState } from '../entity/entity-state.ts'
import { DataBridgeError, describe } from '../errors.ts'
import { timestamptzType } from '../schema/types/timestamps.ts'
import { isEntityClass, tableOf } from '../schema/table-of.ts'
import { arrayLiteral, type Elements } from './array-literal.ts'
import { Param } from './comparisons.ts'
import { quoteTable } from './identifier.ts'
import {
  type Condition,
  type Expression,
  isSqlNode,
  type Order,
  type Parameter,
  type Parse,
  type Sink,
  type SqlNode,
} from './node.ts'
import { Ordering } from './ordering.ts'

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
  readonly conjunctCount = 1
  readonly depth = 0
  readonly #strings: readonly string[]
  readonly #parts: readonly SqlNode[]

  constructor(strings: readonly string[], parts: readonly SqlNode[]) {
    this.#strings = strings
    this.#parts = parts
    this.shape = `sql${JSON.stringify(strings)}${parts.map(shapeOf).join('')}`
  }

  write(sink: Sink): void {
    sink.reads('any')
    this.#strings.forEach((text, index) => {
      sink.text(text)
      this.#parts[index]?.write(sink)
    })
  }

  decode(text: string | null, parse: Parse): unknown {
    return text === null ? null : parse(text)
  }

  /** As an order: NULLs come first. */
  nullsFirst(): Order {
    return new Ordering(this, 'nulls first')
  }

  /** As an order: NULLs come last. */
  nullsLast(): Order {
    return new Ordering(this, 'nulls last')
  }
}

// With its length, so that it needs no quotes: quoted again at each level it would double with each.
function shapeOf({ shape }: SqlNode): string {
  return `${shape.length}:${shape}`
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
  return new Sql<T>(
    strings,
    values.map((value, index) => partOf(value, strings[index] ?? '', index)),
  )
}

function partOf(value: unknown, before: string, index: number): SqlNode {
  if (isSqlNode(value)) return value
  if (isEntityClass(value)) return tableNode(value)
  if (Array.isArray(value) && /\bin\s*\(?\s*$/i.test(before)) {
    throw new DataBridgeError(
      'DATA_BRIDGE_ERR_QUERY',
      `sql expected no array behind IN as its parameter ${index + 1}: an array is one value in SQL; write = any(\${…}) in place of in \${…}`,
    )
  }
  return new Param(parameterOf(value, index))
}

/** The table of an entity, with its schema. */
function tableNode(entity: unknown): SqlNode {
  const table = tableOf(entity)
  return { shape: `table ${table.id}`, write: (sink) => sink.text(quoteTable(table)) }
}

function parameterOf(value: unknown, index: number): Parameter {
  if (value === null) return null
  if (typeof value === 'string') return requireText(value, index)
  if (typeof value === 'number' || typeof value === 'bigint' || typeof value === 'boolean')
    return String(value)
  if (timestamptzType.accepts(value)) return timestamptzType.encode(value as never)
  if (value instanceof Uint8Array) return value
  if (Array.isArray(value)) return arrayLiteral(value.map((each) => elementOf(each, index)))
  const state = findState(value)
  if (state !== undefined) {
    throw new DataBridgeError(
      'DATA_BRIDGE_ERR_QUERY',
      `sql expected a value for its parameter ${index + 1}; came a ${state.table.entityName}: give one of its columns`,
    )
  }
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

// PostgreSQL takes neither, and a lone surrogate would be stored as another character.
function requireText(value: string, index: number): string {
  if (value.isWellFormed() && !value.includes('\0')) return value
  throw new DataBridgeError(
    'DATA_BRIDGE_ERR_INVALID_VALUE',
    `sql expected text without U+0000 and lone surrogates for its parameter ${index + 1}`,
  )
}
