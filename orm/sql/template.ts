import { DataBridgeError, describe } from '../errors.ts'
import { isEntityClass, tableOf } from '../schema/table-of.ts'
import { Param } from './comparisons.ts'
import { isEmbeddable, subQuery } from './embedded.ts'
import { quoteTable } from './identifier.ts'
import { isSqlNode, type Order, type Parse, requireDepth, type Sink, type SqlNode } from './node.ts'
import { OperandNode } from './operand.ts'
import { Ordering } from './ordering.ts'
import type { Operand, TextOperators } from './ref-types.ts'
import { Enclosed } from './row-queries.ts'
import { parameterOf } from './template-values.ts'

/**
 * Your own SQL: text with bound parameters. It can be executed, used as a condition, an
 * expression or an order, compared with values, and nested in another `sql` template.
 */
export interface Sql<out T = unknown> extends Operand<T>, TextOperators, Order {
  readonly conjunctCount: number
  readonly depth: number
}

/** What {@link sql} makes. */
export class Template extends OperandNode {
  readonly isOrder = true as const
  override readonly isRaw = true as const
  readonly conjunctCount = 1
  override readonly depth: number
  readonly label = 'sql`…`'
  readonly type = undefined
  readonly #strings: readonly string[]
  readonly #parts: readonly SqlNode[]
  #pieces: Pieces | undefined
  #shape: string | undefined

  constructor(strings: readonly string[], parts: readonly SqlNode[]) {
    super()
    this.#strings = strings
    this.#parts = parts
    let depth = 0
    for (const part of parts) {
      if (part.depth !== undefined)
        depth = Math.max(depth, part instanceof Template ? part.depth : part.depth + 1)
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
    if (!this.#parts.some((part) => part instanceof Template))
      return (this.#pieces = { texts: this.#strings, nodes: this.#parts })
    const texts: string[] = ['']
    const nodes: SqlNode[] = []
    const waiting: (string | SqlNode)[] = [this]
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
      if (typeof next === 'string') texts[nodes.length] += next
      else if (next instanceof Template) next.#putInto(waiting)
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
  return new Template(
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
  return new Param(parameterOf(value, `its parameter ${index + 1}`))
}

/** The table of an entity, with its schema. */
function tableNode(entity: unknown): SqlNode {
  const table = tableOf(entity)
  return { shape: `table ${table.id}`, write: (sink) => sink.text(quoteTable(table)) }
}
