import { AsyncLocalStorage } from 'node:async_hooks'

/**
 * Tells the answer of an error handler from one of the handler that has failed and goes on. Only a
 * request that has failed enters it.
 */
export const errorScope: AsyncLocalStorage<object> = new AsyncLocalStorage<object>()
