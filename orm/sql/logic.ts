import { DataBridgeError, describe } from '../errors.ts'
import { ConditionNode } from './condition.ts'
import {
  type Condition,
  depthAround,
  isCondition,
  isSqlNode,
  requireDepth,
  type Sink,
  writeEnclosed,
} from './node.ts'

/** All conditions are true. Without conditions: true. */
export function and(...conditions: readonly Condition[]): Condition {
  return asNode(join('and', conditions))
}

/** At least one condition is true. Without conditions: false. */
export function or(...conditions: readonly Condition[]): Condition {
  return asNode(join('or', conditions))
}

/** The condition is false. NULL stays NULL. */
export function not(condition: Condition): Condition {
  requireConditions('not', [condition])
  return condition instanceof Not ? asNode(condition.condition) : new Not(condition)
}

/** A condition, if there is one, and more that have to hold too. */
export function narrowed(
  condition: Condition | undefined,
  ...more: readonly Condition[]
): Condition {
  return join('and', condition === undefined ? more : [condition, ...more])
}

/** As a value, your own SQL may be NULL, and what is joined or denied is true or false. */
function asNode(condition: Condition): Condition {
  return condition instanceof ConditionNode ? condition : new Logic('and', [condition])
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
class Logic extends ConditionNode {
  readonly word: Word
  override readonly conjunctCount: number
  readonly depth: number
  readonly #given: readonly Condition[]
  #parts: readonly Condition[] | undefined
  #shape: string | undefined

  constructor(word: Word, conditions: readonly Condition[]) {
    super()
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

  get isAlways(): boolean {
    return this.word === 'and' && this.#flat().every((part) => part === always)
  }

  get shape(): string {
    if (this.#shape !== undefined) return this.#shape
    // Added and not joined: a sum shares the texts of what is in it, where each level would have a copy.
    let shape = `${this.word}(`
    for (const part of this.#flat()) shape += `${part.shape},`
    return (this.#shape = `${shape})`)
  }

  write(sink: Sink): void {
    const separator = ` ${this.word} `
    let before = '('
    for (const part of this.#flat()) {
      sink.text(before)
      writeEnclosed(sink, part)
      before = separator
    }
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

class Not extends ConditionNode {
  readonly condition: Condition
  readonly depth: number

  constructor(condition: Condition) {
    super()
    this.condition = condition
    this.depth = depthAround([condition])
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

class Constant extends ConditionNode {
  readonly depth = 0
  readonly shape: string

  constructor(text: 'true' | 'false') {
    super()
    this.shape = text
  }

  write(sink: Sink): void {
    sink.text(this.shape)
  }
}

const always = new Constant('true')
const never = new Constant('false')

/** Whether a condition says nothing: `and()`, of a list of conditions that turned out to be empty. */
export function isAlways(condition: Condition): boolean {
  return condition === always || (condition instanceof Logic && condition.isAlways)
}

/** Refuses anything else than conditions, such as the result of a comparison in JavaScript. */
export function requireConditions(where: string, conditions: readonly unknown[]): void {
  if (conditions.every(isCondition)) return
  const other = conditions.find((condition) => !isCondition(condition))
  const got = isSqlNode(other) ? 'a column, an order or a value of SQL' : describe(other)
  throw new DataBridgeError(
    'DATA_BRIDGE_ERR_FILTER',
    `${where} expected conditions such as user.age.gt(18), got ${got}`,
  )
}
