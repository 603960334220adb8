import type { Attributes } from '@opentelemetry/api'

const taken = new Set<string>()

/** What a pool is measured as, until it is closed. */
export interface PoolName {
  readonly attributes: Attributes
  release(): void
  /** Whether it belongs to a pool: to this one, or, after its release, to another one. */
  isTaken(): boolean
}

/** A name that no other pool has: of several with one name only the last would be seen. */
export function takePoolName(name: string): PoolName {
  let free = name
  for (let number = 2; taken.has(free); number += 1) free = `${name}#${number}`
  taken.add(free)
  return {
    attributes: { 'db.client.connection.pool.name': free },
    release: () => void taken.delete(free),
    isTaken: () => taken.has(free),
  }
}
