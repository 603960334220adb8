import type { ChangeSet } from './change-set.ts'
import type { Writing } from './writing.ts'

export function stepsOf(_writing: Writing, changes: ChangeSet): readonly ChangeSet[] {
  return [changes]
}
