import type { Load, Step } from './step.ts'
import type { LoadContext } from './context.ts'
import type { Operation, RelationshipOperation } from '../observe/operation.ts'
import type { Fetching } from '../sql/fetched.ts'

export class CountLoad implements Load {
  readonly fetching: Fetching<number, RelationshipOperation> | undefined
  constructor(_context: LoadContext, _step: Step, _parent: Operation | undefined) {
    this.fetching = undefined
  }
  finish(): readonly Step[] {
    return []
  }
}
