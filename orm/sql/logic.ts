import { DataBridgeError, describe } from '../errors.ts'
import { type Condition, isCondition, isSqlNode, type Sink, writeEnclosed } from './node.ts'

// PostgreSQL takes quadratic time for levels of parentheses, and gives up at some thousands.
const mostLevels = 1000

/** All of them hold. Without any: true. */
export function and(...conditions: readonly Condition[]): Condition {
  return join('and', conditions)
}

/** At least one of them holds. Without any: false. */
export function or(...conditions: readonly Condition[]): Condition {
  return join('or', conditions)
}

/** It does not hold. Where the condition is NULL, so is its negation. */
export function not(condition: Condition): Condition {
  requireConditions('not', [condition])
  return condition instanceof Not ? condition.condition : new Not(condition)
}

type Word = 'and' | 'or'

function join(word: Word, conditions: readonly Condition[]): Condition {
  requireConditions(word, conditions)
  const [only] = conditions
  if (only === undefined) return word === 'and' ? always : never
  return conditions.length === 1 ? only : new Logic(word, conditions)
}

/**
 * Conditions joined by one word. Those that are joined by the same word are one flat list with it,
 * however they were nested: the list is made when it is asked for, so that building is linear.
 */
class Logic implements Condition {
  readonly word: Word
  readonly conjunctCount: number
  readonly depth: number
  readonly #given: readonly Condition[]
  #parts: readonly Condition[] | undefined
  #shape: string | undefined

  constructor(word: Word, conditions: readonly Condition[]) {
    this.word = word
    this.#given = conditions
    let conjunctCount = 0
    let depth = 0
    for (const condition of conditions) {
      conjunctCount += condition.conjunctCount
      const isSame = condition instanceof Logic && condition.word === word
      depth = Math.max(depth, condition.depth + (isSame ? 0 : 1))
    }
    this.conjunctCount = word === 'and' ? conjunctCount : 1
    this.depth = requireDepth(depth)
  }

  get shape(): string {
    return (this.#shape ??= `${this.word}(${this.#flat()
      .map(({ shape }) => shape)
      .join(',')})`)
  }

  write(sink: Sink): void {
    const separator = ` ${this.word} `
    this.#flat().forEach((part, index) => {
      sink.text(index === 0 ? '(' : separator)
      writeEnclosed(sink, part)
    })
    sink.text(')')
  }

  #flat(): readonly Condition[] {
    if (this.#parts !== undefined) return this.#parts
    const parts: Condition[] = []
    const waiting: Condition[] = [this]
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
      if (!(next instanceof Logic) || next.word !== this.word) {
        parts.push(next)
        continue
      }
      const inner = next.#parts ?? next.#given
      for (let index = inner.length - 1; index >= 0; index -= 1)
        waiting.push(inner[index] as Condition)
    }
    return (this.#parts = parts)
  }
}

class Not implements Condition {
  readonly condition: Condition
  readonly conjunctCount = 1
  readonly depth: number

  constructor(condition: Condition) {
    this.condition = condition
    this.depth = requireDepth(condition.depth + 1)
  }

  get shape(): string {
    return `not(${this.condition.shape})`
  }

  write(sink: Sink): void {
    sink.text('not (')
    this.condition.write(sink)
    sink.text(')')
  }
}

function constant(text: string): Condition {
  return Object.freeze({
    shape: text,
    conjunctCount: 1,
    depth: 0,
    write: (sink: Sink) => sink.text(text),
  })
}

const always = constant('true')
const never = constant('false')

/** Refuses conditions that are nested deeper than PostgreSQL can take in. */
export function requireDepth(depth: number): number {
  if (depth <= mostLevels) return depth
  throw new DataBridgeError(
    'DATA_BRIDGE_ERR_INVALID_VALUE',
    `a filter expected conditions in at most ${mostLevels} levels; came more`,
  )
}

/** Refuses anything else than conditions, such as the result of a comparison in JavaScript. */
export function requireConditions(where: string, conditions: readonly unknown[]): void {
  if (conditions.every(isCondition)) return
  const other = conditions.find((condition) => !isCondition(condition))
  const came = isSqlNode(other) ? 'a column, an order or a value of SQL' : describe(other)
  throw new DataBridgeError(
    'DATA_BRIDGE_ERR_FILTER',
    `${where} expected conditions such as user.age.gt(18); came ${came}`,
  )
}
