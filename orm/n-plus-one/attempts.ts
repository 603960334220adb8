import type { SentStatement } from '../observe/observer.ts'

/** Tells what a session did before a rollback from what it does after it, perhaps once more. */
export class Attempts {
  #rollbacks = 0
  #of: WeakMap<object, number> | undefined

  sent({ kind, summary }: SentStatement, session: object): void {
    if (kind !== 'control' || !summary.startsWith('ROLLBACK')) return
    this.#rollbacks += 1
    ;(this.#of ??= new WeakMap()).set(session, this.#rollbacks)
  }

  of(session: object): number {
    return this.#of?.get(session) ?? 0
  }
}
