import { afterAll, beforeAll } from 'vitest'

/**
 * Collects the warnings of the process during a file's tests, instead of printing them.
 *
 * @returns what takes those that came since it was last called, by their codes or names
 */
export function recordWarnings(): () => Promise<string[]> {
  const codes: string[] = []
  const collect = (warning: Error & { readonly code?: string }): void => {
    codes.push(warning.code ?? `${warning.name}: ${warning.message}`)
  }
  const printing = process.listeners('warning')
  beforeAll(() => {
    process.removeAllListeners('warning')
    process.on('warning', collect)
  })
  afterAll(() => {
    process.off('warning', collect)
    for (const listener of printing) process.on('warning', listener)
  })
  return async () => {
    // Warnings are given on the next tick.
    await new Promise((resolve) => setImmediate(resolve))
    return codes.splice(0)
  }
}
