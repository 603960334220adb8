import type { Operation, Outcome, QueryOperation, SessionOperation } from '../observe/operation.ts'
import type { TableMetadata } from '../schema/metadata.ts'
import type { ChangeSet } from '../unit-of-work/change-set.ts'

type Counts = Pick<SessionOperation, 'pending' | 'dirty' | 'deleted'>

export const noChanges: Counts = Object.freeze({ pending: 0, dirty: 0, deleted: 0 })

export function countsOf({ added, changed, awaiting, deleted }: ChangeSet): Counts {
  return {
    pending: added.length,
    dirty: changed.length + awaiting.length,
    deleted: deleted.length,
  }
}

export function sessionOperation(
  name: SessionOperation['name'],
  counts: Counts = noChanges,
  parent?: Operation,
): SessionOperation {
  return { kind: 'session', name, ...counts, parent }
}

/** The operation of a callback of `afterCommit()`. @param name of its function, perhaps empty */
export function callbackOperation(name: string): SessionOperation {
  const callback = name === '' ? undefined : name
  return { kind: 'session', name: 'after_commit', ...noChanges, callback }
}

/** The operation of `execute()`. */
export function executeOperation(): QueryOperation {
  return { kind: 'query', name: 'execute', table: undefined, filters: 0, limit: undefined }
}

/** The operation of a write beside the unit of work. */
export function bulkOperation(
  name: 'insert' | 'upsert' | 'copy',
  table: TableMetadata,
): QueryOperation {
  return { kind: 'query', name, table, filters: 0, limit: undefined }
}

export const noOutcome = (): Outcome => ({})
