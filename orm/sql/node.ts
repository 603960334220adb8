import { DataBridgeError } from '../errors.ts'
import type { TableMetadata } from '../schema/metadata.ts'
import type { Defaults } from './defaults.ts'
import type { Source } from './source.ts'

/** A parameter as it travels: PostgreSQL's text, NULL, or raw bytes. */
export type Parameter = string | null | Uint8Array

/**
 * Where a node writes itself. One walk serves two sinks: the one renders the text, the other takes the
 * parameters, so that the two cannot come in different orders.
 */
export interface Sink {
  text(sql: string): void
  parameter(value: Parameter): void
  /** A column of a source that is in scope. */
  column(source: Source, name: string): void
  /**
   * The table of a statement or a sub-query, with what `write` says of it; joins find their place behind it.
   *
   * @param defaults the default filters that hold for the rows behind its relations
   */
  scope(source: Source, write: (from: () => void) => void, defaults: Defaults): void
  /** The default filters that hold in the query of a source. */
  defaultsFor(source: Source): Defaults
  /** The rows of a query that the program joins, and what stands before and behind them. */
  joined(source: Source, word: string, on: SqlNode): void
  /** A source behind to-one relations without whose row a row is left out: it is joined by inner joins. */
  requires(source: Source): void
  /** A query that the statement names once, in its WITH. */
  named(query: NamedQuery): void
  /** Notes that the statement reads the table, or with `any` unknown tables. */
  reads(table: TableMetadata | 'any'): void
}

/**
 * A piece of SQL, immutable. `shape` names its text without rendering it: two nodes of one shape have
 * one text, so a compiled statement is found by its shape alone.
 */
export interface SqlNode {
  readonly shape: string
  /** Whether it contains your own SQL without parentheses. */
  readonly isRaw?: boolean
  /** How many levels of other nodes it contains; undefined: none. */
  readonly depth?: number
  write(sink: Sink): void
}

/** A query of a WITH. */
export interface NamedQuery {
  readonly isRecursive: boolean
  /** What stands between the name and the query: names of columns, `materialized`. */
  readonly as: string
  writeQuery(sink: Sink): void
}

/**
 * A condition for `filter`: true, false or NULL for a row. Selected, grouped or ordered by it says whether it
 * holds: NULL is false then.
 *
 * @example
 * ```ts
 * import type { Session } from 'fastify-data-bridge/orm'
 * import { Post } from './entities.ts'
 *
 * export function overview(session: Session) {
 *   return session.find(Post)
 *     .orderBy((post) => [post.likes.gt(100).desc(), post.id.asc()]) // popular ones first
 *     .select((post) => ({ id: post.id, isDiscussed: post.comments.any() }))
 *     .toList() // { id: number, isDiscussed: boolean }[]
 * }
 * ```
 */
export interface Condition extends Expression<boolean> {
  /** The number of conditions that AND joins at the top level. */
  readonly conjunctCount: number
  readonly depth: number
  /** Rows for which it does not hold come first. */
  asc(): Order
  /** Rows for which it holds come first. */
  desc(): Order
}

/** One part of an ORDER BY: `user.name.asc()`. NULLs come last when ascending and first when descending. */
export interface Order extends SqlNode {
  readonly isOrder: true
  /** NULLs come first. */
  nullsFirst(): Order
  /** NULLs come last. */
  nullsLast(): Order
}

/** Something that has a value of type `T` for a row, or for a group of rows. */
export interface Expression<out T> extends SqlNode {
  /** For the type checker only. */
  readonly _result?: T
  /**
   * The JavaScript value of what PostgreSQL sent.
   *
   * @param parse what the driver makes of a text of this type
   */
  decode(text: string | null, parse: Parse): unknown
}

export type Parse = (text: string) => unknown

export const noParameters: readonly Parameter[] = Object.freeze([])

/** A node has a function, which JSON cannot have. So an object from a client is never SQL. */
export function isSqlNode(value: unknown): value is SqlNode {
  return (
    typeof value === 'object' &&
    value !== null &&
    'shape' in value &&
    'write' in value &&
    typeof value.write === 'function'
  )
}

export function isCondition(value: unknown): value is Condition {
  return isSqlNode(value) && 'conjunctCount' in value
}

export function isExpression(value: unknown): value is Expression<unknown> {
  return isSqlNode(value) && 'decode' in value && typeof value.decode === 'function'
}

/** The shapes of several nodes as one, which no other nodes have. */
export function shapesOf(nodes: readonly SqlNode[]): string {
  let shapes = ''
  for (let index = 0; index < nodes.length; index += 1)
    shapes += index === 0 ? (nodes[0] as SqlNode).shape : `,${(nodes[index] as SqlNode).shape}`
  return shapes
}

/** Your own SQL may contain an `or`, so it needs parentheses beside other conditions. */
export function writeEnclosed(sink: Sink, node: SqlNode): void {
  if (node.isRaw !== true) return node.write(sink)
  sink.text('(')
  node.write(sink)
  sink.text(')')
}

export function writeList(sink: Sink, nodes: readonly SqlNode[], separator: string): void {
  for (let index = 0; index < nodes.length; index += 1) {
    if (index > 0) sink.text(separator)
    nodes[index]?.write(sink)
  }
}

// PostgreSQL takes quadratic time for levels of parentheses, and gives up at some thousands.
const mostLevels = 1000

// Its parser takes fewer sub-queries than parentheses.
export const levelsOfSubQuery = 10

/** Refuses conditions that are nested deeper than PostgreSQL can take in. */
export function requireDepth(depth: number): number {
  if (depth <= mostLevels) return depth
  throw new DataBridgeError(
    'DATA_BRIDGE_ERR_INVALID_VALUE',
    `a query expected conditions and queries in at most ${mostLevels} levels, of which a query takes ${levelsOfSubQuery}, got more`,
  )
}

/** The levels of a node that stands around others. */
export function depthAround(nodes: readonly SqlNode[]): number {
  let depth = 0
  for (const node of nodes) depth = Math.max(depth, (node.depth ?? 0) + 1)
  return requireDepth(depth)
}

/** The levels of a sub-query. */
export function depthOfQuery(...parts: readonly (SqlNode | undefined)[]): number {
  const depth = Math.max(...parts.map((part) => part?.depth ?? 0))
  return requireDepth(depth + levelsOfSubQuery)
}
