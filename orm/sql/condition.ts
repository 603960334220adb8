import {
  type Condition,
  depthAround,
  type Expression,
  type Order,
  type Sink,
  type SqlNode,
} from './node.ts'
import { Ordering } from './ordering.ts'

/** A condition of the library: not your own SQL, which may be any expression. */
export abstract class ConditionNode implements Condition {
  abstract readonly shape: string
  abstract readonly depth: number
  readonly conjunctCount: number = 1
  abstract write(sink: Sink): void

  decode(text: string | null): boolean {
    return text === 't'
  }

  asc(): Order {
    return new Ordering(new Holds(this), 'asc')
  }

  desc(): Order {
    return new Ordering(new Holds(this), 'desc')
  }
}

/** Whether a condition holds, as a value: NULL would be a third group, and a value beside true and false. */
class Holds implements Expression<boolean> {
  readonly condition: ConditionNode
  readonly shape: string
  readonly depth: number

  constructor(condition: ConditionNode) {
    this.condition = condition
    this.shape = `holds(${condition.shape})`
    this.depth = depthAround([condition])
  }

  write(sink: Sink): void {
    sink.text('((')
    this.condition.write(sink)
    sink.text(') is true)')
  }

  decode(text: string | null): boolean {
    return text === 't'
  }
}

/** An expression where its value counts and not whether a row is meant: there a condition is true or false. */
export function asValue<T extends SqlNode>(node: T): T | Expression<boolean> {
  return node instanceof ConditionNode ? new Holds(node) : node
}
