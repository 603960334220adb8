import { findState } from '../entity/entity-state.ts'
import { DataBridgeError, describe } from '../errors.ts'
import { timestamptzType } from '../schema/types/timestamps.ts'
import { jsonbType } from '../schema/types/json.ts'
import { UnwritableError } from '../schema/types/unreadable.ts'
import { isEntityClass, tableOf } from '../schema/table-of.ts'
import { arrayLiteral, type ArrayItems } from '../schema/types/array-text.ts'
import { Param } from './comparisons.ts'
import { isEmbeddable, subQuery } from './embedded.ts'
import { quoteTable } from './identifier.ts'
import {
  type Condition,
  type Expression,
  isSqlNode,
  type Order,
  type Parameter,
  type Parse,
  requireDepth,
  type Sink,
  type SqlNode,
} from './node.ts'
import { Ordering } from './ordering.ts'
import { Enclosed } from './row-queries.ts'
import { standsFor } from './stand-in.ts'

/**
 * Your own SQL: text with bound parameters. It can be executed, used as a condition, an
 * expression or an order, and nested in another `sql` template.
 */
export class Sql<T = unknown> implements SqlNode, Condition, Expression<T>, Order {
  /** For the type checker only. */
  declare readonly _result?: T
  readonly isOrder = true as const
  readonly isRaw = true as const
  readonly conjunctCount = 1
  readonly depth: number
  readonly #strings: readonly string[]
  readonly #parts: readonly SqlNode[]
  #pieces: Pieces | undefined
  #shape: string | undefined

  constructor(strings: readonly string[], parts: readonly SqlNode[]) {
    this.#strings = strings
    this.#parts = parts
    let depth = 0
    for (const part of parts) {
      if (part.depth !== undefined)
        depth = Math.max(depth, part instanceof Sql ? part.depth : part.depth + 1)
    }
    this.depth = requireDepth(depth)
  }

  get shape(): string {
    if (this.#shape !== undefined) return this.#shape
    const { texts, nodes } = this.#flat()
    let shape = `sql${JSON.stringify(texts)}`
    // With its length, so that it needs no quotes.
    for (const node of nodes) shape += `${node.shape.length}:${node.shape}`
    return (this.#shape = shape)
  }

  write(sink: Sink): void {
    const { texts, nodes } = this.#flat()
    sink.reads('any')
    for (let index = 0; index < texts.length; index += 1) {
      sink.text(texts[index] as string)
      nodes[index]?.write(sink)
    }
  }

  /** Other templates in it are one with it, when that is asked for: so they are nested in linear time. */
  #flat(): Pieces {
    if (this.#pieces !== undefined) return this.#pieces
    if (!this.#parts.some((part) => part instanceof Sql))
      return (this.#pieces = { texts: this.#strings, nodes: this.#parts })
    const texts: string[] = ['']
    const nodes: SqlNode[] = []
    const waiting: (string | SqlNode)[] = [this]
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
      if (typeof next === 'string') texts[nodes.length] += next
      else if (next instanceof Sql) next.#putInto(waiting)
      else texts[nodes.push(next)] = ''
    }
    return (this.#pieces = { texts, nodes })
  }

  /** The last piece first. */
  #putInto(waiting: (string | SqlNode)[]): void {
    for (let index = this.#strings.length - 1; index >= 0; index -= 1) {
      const part = this.#parts[index]
      if (part !== undefined) waiting.push(part)
      waiting.push(this.#strings[index] as string)
    }
  }

  decode(text: string | null, parse: Parse): unknown {
    return text === null ? null : parse(text)
  }

  /** As an order: NULLs come first. */
  nullsFirst(): Order {
    return new Ordering(this, '', 'first')
  }

  /** As an order: NULLs come last. */
  nullsLast(): Order {
    return new Ordering(this, '', 'last')
  }
}

/** Texts, and a node behind each but the last. */
interface Pieces {
  readonly texts: readonly string[]
  readonly nodes: readonly SqlNode[]
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
  if (isEmbeddable(value)) return new Enclosed(value[subQuery]().select)
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
  if (Array.isArray(value)) return arrayLiteral(elementsOf(value, index, 1))
  if (isDocument(value)) return documentText(value, index)
  throw new DataBridgeError(
    'DATA_BRIDGE_ERR_QUERY',
    `sql expected a value for its parameter ${index + 1}, got ${described(value)}`,
  )
}

/** PostgreSQL's text of a value whose type it finds out by itself. */
export function untypedText(value: unknown, where: string): string {
  const text = isSqlNode(value) ? undefined : parameterOf(value, 0)
  if (typeof text === 'string') return text
  throw new DataBridgeError(
    'DATA_BRIDGE_ERR_FILTER',
    `${where} expected a value other than null, SQL and bytes, got ${described(value)}`,
  )
}

/** Whether an object says as JSON what it is: a Map would be `{}`, and so would a promise. */
function isDocument(value: unknown): value is object {
  if (typeof value !== 'object' || value === null || value instanceof Date) return false
  if (isSqlNode(value) || findState(value) !== undefined || standsFor(value) !== undefined)
    return false
  if ('then' in value && typeof value.then === 'function') return false
  const hasJson = 'toJSON' in value && typeof value.toJSON === 'function'
  return hasJson || Object.prototype.toString.call(value) === '[object Object]'
}

function documentText(value: object, index: number): string {
  try {
    if (jsonbType.accepts(value)) return jsonbType.encode(value as never)
  } catch (cause) {
    if (!(cause instanceof UnwritableError)) throw cause
  }
  throw new DataBridgeError(
    jsonbType.isType(value) ? 'DATA_BRIDGE_ERR_INVALID_VALUE' : 'DATA_BRIDGE_ERR_QUERY',
    `sql expected ${jsonbType.expected} for its parameter ${index + 1}, got ${describe(value)}`,
  )
}

function described(value: unknown): string {
  const table = findState(value)?.table
  if (table !== undefined) return `an entity of ${table.entityName}: give one of its columns`
  if (isSqlNode(value)) return 'SQL in an array: put it into the template itself'
  return standsFor(value) ?? describe(value)
}

// As many as PostgreSQL's arrays have. A client may send any number, and an array may hold itself.
const mostDimensions = 6

function elementsOf(values: readonly unknown[], index: number, dimension: number): ArrayItems {
  if (dimension <= mostDimensions)
    return Array.from(values, (value) =>
      Array.isArray(value) ? elementsOf(value, index, dimension + 1) : elementOf(value, index),
    )
  throw new DataBridgeError(
    'DATA_BRIDGE_ERR_INVALID_VALUE',
    `sql expected an array of at most ${mostDimensions} dimensions for its parameter ${index + 1}, got more`,
  )
}

function elementOf(value: unknown, index: number): string | null {
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
