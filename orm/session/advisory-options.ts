/** How `tryAdvisoryLock()` takes a lock. */
export interface AdvisoryTryOptions {
  /** Others can have the lock too if they share it as well. */
  readonly shared?: boolean | undefined
}

/** How `advisoryLock()` takes a lock. By default it waits for those who have it. */
export interface AdvisoryLockOptions extends AdvisoryTryOptions {
  /** Fails at once with `DATA_BRIDGE_ERR_STATEMENT_TIMEOUT` (`sqlState` 55P03) if the lock is taken. */
  readonly noWait?: boolean | undefined
}
