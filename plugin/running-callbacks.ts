import type { FastifyInstance } from 'fastify'
import { runCallbacks } from '../orm/index.ts'

type Callbacks = Parameters<typeof runCallbacks>[0]

const slot: unique symbol = Symbol('fastify-data-bridge.running-callbacks')

/** The callbacks of requests that run now. Nothing else waits for those whose client has left. */
export class RunningCallbacks {
  readonly #running = new Set<Promise<void>>()

  /** Those of an application: all registrations share them, since one callback may need any database. */
  static of(app: FastifyInstance): RunningCallbacks {
    const { [slot]: known } = app as { readonly [slot]?: RunningCallbacks }
    if (known !== undefined) return known
    const made = new RunningCallbacks()
    app.decorate(slot, made)
    return made
  }

  /** Resolves when they have run, or when nothing waits for them any more. */
  run(callbacks: Callbacks): Promise<void> {
    const running = runCallbacks(callbacks).then(() => void this.#running.delete(running))
    this.#running.add(running)
    return running
  }

  /** Resolves when none of those that run now is awaited any more. */
  async over(): Promise<void> {
    await Promise.all(this.#running)
  }
}
