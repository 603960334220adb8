import { describe } from '../errors.ts'
import { arrayLiteral } from '../schema/types/array-text.ts'
import { isJsonType, jsonbType, jsonType } from '../schema/types/json.ts'
import { textType } from '../schema/types/texts.ts'
import type { ComparableNode } from './comparable.ts'
import { Compare, type Containment, Param } from './comparisons.ts'
import { ConditionNode } from './condition.ts'
import { type Condition, isExpression, isSqlNode, type Sink, type SqlNode } from './node.ts'
import { enclosed, Pieces } from './pieces.ts'
import { standsFor } from './stand-in.ts'

/** `document @> {"a": 1}`. */
export function compareDocuments(
  of: ComparableNode,
  method: string,
  operator: Containment,
  value: unknown,
): Condition {
  const document = documentOf(of, method)
  if (isExpression(value)) return new Compare(document, operator, binary(enclosed(value)))
  const other = standsFor(value)
  if (other !== undefined || isSqlNode(value))
    throw of.error(method, `expected a value or a column, got ${other ?? 'an order or a relation'}`)
  const text = value === null ? 'null' : of.encodeAs(jsonbType, value)
  return new Compare(document, operator, new Param(text))
}

/** `document ? 'key'`. */
export function hasKey(of: ComparableNode, method: string, key: unknown): Condition {
  const document = documentOf(of, method)
  return new Compare(document, '?', new Param(keyText(of, method, key)))
}

/** `document ?| {a,b}`. */
export function hasKeys(
  of: ComparableNode,
  method: string,
  operator: '?|' | '?&',
  keys: unknown,
): Condition {
  const document = documentOf(of, method)
  if (!Array.isArray(keys))
    throw of.error(method, `expected an array of keys, got ${describe(keys)}`)
  const texts = Array.from(keys, (key: unknown) => keyText(of, method, key))
  return new Compare(document, operator, new Param(arrayLiteral(texts)))
}

/** `document #> {a,0}`: the path is a parameter, so every path has one text. */
export function itemAt(
  of: ComparableNode,
  method: string,
  operator: '#>' | '#>>',
  path: readonly unknown[],
): SqlNode {
  const keys = path.map((key) =>
    Number.isSafeInteger(key) ? String(key) : keyText(of, method, key),
  )
  const value = new Param(arrayLiteral(keys))
  return new Pieces(operator, ['(', documentOf(of, method), ` ${operator} `, value, ')'])
}

/** `document @@ path`; with values for the variables of the path, `jsonb_path_match`. */
export function matchesPath(
  of: ComparableNode,
  method: string,
  path: unknown,
  variables: unknown,
): Condition {
  const document = documentOf(of, method)
  if (typeof path !== 'string' || path.trim() === '' || !textType.accepts(path))
    throw of.error(method, `expected a JSON path such as '$.age > 18', got ${describe(path)}`)
  if (variables === undefined) return new Compare(document, '@@', new Param(path))
  if (typeof variables !== 'object' || variables === null || Array.isArray(variables))
    throw of.error(method, `expected variables such as { age: 18 }, got ${describe(variables)}`)
  return new PathMatch(document, path, of.encodeAs(jsonbType, variables))
}

class PathMatch extends ConditionNode {
  readonly shape: string
  readonly depth: number
  readonly #call: SqlNode

  constructor(document: SqlNode, path: string, variables: string) {
    super()
    // Silent, as `@@` is: a document that the path does not fit does not match.
    const pieces = ['jsonb_path_match(', document, ', ', new Param(path), '::jsonpath, ']
    const call = new Pieces('path', [...pieces, new Param(variables), '::jsonb, true)'])
    this.#call = call
    this.shape = call.shape
    this.depth = call.depth
  }

  write(sink: Sink): void {
    this.#call.write(sink)
  }
}

/** The operand as `jsonb`: `json` has no operators. */
function documentOf(of: ComparableNode, method: string): SqlNode {
  const { type } = of
  if (type !== undefined && isJsonType(type)) return binary(of)
  throw of.error(
    method,
    `is for json() and jsonb() columns; this one is ${type?.sql ?? 'your own SQL'}`,
  )
}

function binary(node: SqlNode): SqlNode {
  const isText = 'type' in node && node.type === jsonType
  return isText ? new Pieces('jsonb', [node, '::jsonb']) : node
}

function keyText(of: ComparableNode, method: string, key: unknown): string {
  if (typeof key === 'string') return of.encodeAs(textType, key)
  throw of.error(method, `expected a key such as 'name', got ${describe(key)}`)
}
