import { stateOf } from '../entity/entity-state.ts'
import { DataBridgeError } from '../errors.ts'
import type { TableMetadata } from '../schema/metadata.ts'
import type { ChangeSet } from '../unit-of-work/change-set.ts'

/** @internal Decides whether a session may write entities that have a version. */
export interface WriteGuard {
  /**
   * Called before the first statement of a flush. Throws if nothing must be written.
   *
   * @param written those that are updated or deleted, with the versions that were read
   * @param inserted new ones
   */
  check(written: readonly object[], inserted: readonly object[]): void
  /**
   * Called before rows of a table with a version are written by a query, so that nobody knows which rows these are.
   * Throws if they must not be written.
   *
   * @param what the method as a message names it
   */
  checkQuery(what: string): void
  /** Something was committed: it is too late to refuse it. */
  committed(): void
  /** What it has seen until now, for {@link undoneTo}. */
  mark(): unknown
  /** What was written since was rolled back. @param mark that of the savepoint; without one, everything since the last commit */
  undoneTo(mark?: unknown): void
  /** The error to tell in place of one with which a flush or a commit has failed. */
  explain(error: unknown): unknown
}

export function checkWrites(
  guard: WriteGuard,
  { added, changed, awaiting, deleted }: ChangeSet,
): void {
  const updated = [...changed.map(({ entity }) => entity), ...awaiting]
  const written = [...updated, ...deleted].filter(hasVersion)
  guard.check(written, added.filter(hasVersion))
}

function hasVersion(entity: object): boolean {
  return stateOf(entity).table.version !== undefined
}

/** A write changes rows that nobody has read, so that there is no version to compare. */
export function uncomparedError({ entityName, fullName }: TableMetadata): DataBridgeError {
  return new DataBridgeError(
    'DATA_BRIDGE_ERR_FLUSH',
    `If-Match expected a request that reads a ${entityName} and changes it, got a write with onConflict and update, ` +
      'which compares no version: use the unit of work, or leave out etag: true on this route',
    { table: fullName },
  )
}
