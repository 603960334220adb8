import { DataBridgeError, describe } from '../errors.ts'
import {
  anyRaw,
  type Condition,
  isCondition,
  isSqlNode,
  noParameters,
  parametersOf,
  type SqlNode,
} from './node.ts'
import type { SqlWriter } from './writer.ts'

/** All of them hold. Without any: true. */
export function and(...conditions: readonly Condition[]): Condition {
  return join('and', conditions, 'true')
}

/** At least one of them holds. Without any: false. */
export function or(...conditions: readonly Condition[]): Condition {
  return join('or', conditions, 'false')
}

/** It does not hold. Where the condition is NULL, so is its negation. */
export function not(condition: Condition): Condition {
  requireConditions('not', [condition])
  return {
    shape: `not(${condition.shape})`,
    parameters: condition.parameters,
    isRaw: anyRaw([condition]),
    width: 1,
    write: (writer) => writer.append('not (').node(condition).append(')'),
  }
}

function join(word: 'and' | 'or', conditions: readonly Condition[], empty: string): Condition {
  requireConditions(word, conditions)
  const [only] = conditions
  if (only === undefined) {
    return {
      shape: empty,
      parameters: noParameters,
      width: 1,
      write: (writer) => writer.append(empty),
    }
  }
  if (conditions.length === 1) return only
  return {
    shape: `${word}(${conditions.map(({ shape }) => shape).join(',')})`,
    parameters: parametersOf(conditions),
    isRaw: anyRaw(conditions),
    width: word === 'and' ? conditions.reduce((sum, { width }) => sum + width, 0) : 1,
    write: (writer) => writer.append('(').list(conditions.map(enclosed), ` ${word} `).append(')'),
  }
}

// SQL of the program's own may have an `or` in it, which would let go of the conditions beside it.
function enclosed(condition: Condition): SqlNode {
  if (condition.isRaw !== true) return condition
  const { shape, parameters } = condition
  const write = (writer: SqlWriter): void => {
    writer.append('(').node(condition).append(')')
  }
  return { shape, parameters, write }
}

/** Refuses what is no condition, such as the result of a comparison in JavaScript. */
export function requireConditions(where: string, conditions: readonly unknown[]): void {
  const other = conditions.find((condition) => !isCondition(condition))
  if (conditions.every(isCondition)) return
  const came = isSqlNode(other) ? 'a column, an order or a value of SQL' : describe(other)
  throw new DataBridgeError(
    'DATA_BRIDGE_ERR_FILTER',
    `${where} expected conditions such as user.age.gt(18); came ${came}`,
  )
}
