import type { SqlWriter } from './writer.ts'

/** A parameter as it travels: PostgreSQL's text, NULL, or raw bytes. */
export type Parameter = string | null | Uint8Array

/**
 * A piece of SQL. Text and parameters are kept apart: `shape` names the text without rendering it
 * (two nodes of one shape have one text), so a compiled statement is found by its shape alone.
 */
export interface SqlNode {
  readonly shape: string
  /** In the order in which `write` asks for them. */
  readonly parameters: readonly Parameter[]
  /** Whether SQL of the program's own is in it, which may read any table. */
  readonly isRaw?: boolean
  write(writer: SqlWriter): void
}

/** What `filter` takes: true, false or NULL for a row. */
export interface Condition extends SqlNode {
  /** How many conditions it joins by AND at the top. */
  readonly width: number
}

/** What `orderBy` takes: `user.name.asc()`. */
export interface Order extends SqlNode {
  readonly isOrder: true
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

/** The parameters of several nodes, in their order. */
export function parametersOf(nodes: readonly SqlNode[]): readonly Parameter[] {
  const [only] = nodes
  if (only === undefined) return noParameters
  return nodes.length === 1 ? only.parameters : nodes.flatMap((node) => node.parameters)
}

/** Whether SQL of the program's own is in one of them. */
export function anyRaw(nodes: readonly SqlNode[]): boolean {
  return nodes.some(({ isRaw }) => isRaw === true)
}

/** A function is what JSON cannot bring: an object that a client sent is no SQL, whatever it looks like. */
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
  return isSqlNode(value) && 'width' in value
}
