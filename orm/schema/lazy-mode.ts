import { DataBridgeError, describe } from '../errors.ts'

/**
 * What `await` does with a relation that is not loaded.
 *
 * `'select'` loads it for this entity. A loop over 50 entities sends 50 queries, which N+1 detection finds.
 *
 * `'peers'` loads it with one query for this entity and its peers: all entities that came from the same query, or
 * that one load gave all their owners. The first `await` in a loop over 50 entities sends the query, the others
 * send none. The load is as large as the list: in a list of 10,000 entities the first `await` loads the relation of
 * all of them, even if the loop ends there. So limit the list. What was loaded for a peer is in its JSON
 * when the program has awaited it.
 *
 * `'raise'` fails with `DATA_BRIDGE_ERR_RELATION_NOT_LOADED` and names the loader to add, even if the session
 * already holds the target. What is loaded is given, and so is null for a foreign key that is null.
 */
export type LazyMode = 'select' | 'peers' | 'raise'

export const lazyModes: readonly LazyMode[] = ['select', 'peers', 'raise']

/** The mode of a session, and who has set it. */
export interface LazySetting {
  readonly mode: LazyMode
  readonly setBy: 'session' | 'database'
}

/** @param where the method of the query that was called */
export function requireLazyMode(mode: unknown, where: string): LazyMode {
  const known = lazyModes.find((each) => each === mode)
  if (known !== undefined) return known
  throw new DataBridgeError(
    'DATA_BRIDGE_ERR_QUERY',
    `${where} expected one of '${lazyModes.join("', '")}', got ${describe(mode)}`,
  )
}
