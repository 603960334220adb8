import type { Diagnostics } from './diagnostics.ts'
import { onFastifyClose } from './fastify.ts'
import type { Telemetry } from './telemetry.ts'

/** What is done, without limits, and rejects where it fails. */
export interface Exporting {
  flush(): Promise<void>
  shutdown(): Promise<void>
}

const longestMs = 3000
const signals = ['SIGTERM', 'SIGINT'] as const

/** Waits for exports, but never for long, and never fails: a collector that is down is not the application's business. */
export function bounded(exporting: Exporting, diagnostics: Diagnostics): Telemetry {
  let last: Promise<void> = Promise.resolve()
  let end: Promise<void> | undefined
  const flush = (): Promise<void> => {
    if (end !== undefined) return end
    // One after the other: of two at the same time the second has nothing to send, and would not wait for the first.
    const turn = last.then(() => exporting.flush())
    last = turn.catch(() => undefined)
    return settled('flush', turn, diagnostics)
  }
  const shutdown = (): Promise<void> =>
    (end ??= settled('shutdown', exporting.shutdown(), diagnostics))
  return { flush, shutdown, [Symbol.asyncDispose]: shutdown }
}

/** Exports what is left whenever the process may be about to end. */
export function flushAtTheEnd(telemetry: Telemetry): void {
  onFastifyClose(() => telemetry.flush())
  process.once('beforeExit', () => void telemetry.shutdown())
  for (const signal of signals) {
    const onSignal = (): void => {
      // With a listener of its own the application ends itself; the spans of its last requests come with onClose.
      const isAlone = process.listenerCount(signal) === 0
      if (isAlone) void telemetry.shutdown().then(() => process.kill(process.pid, signal))
      else void telemetry.flush()
    }
    // First of all: a listener that the application has for once would be gone by now.
    process.prependOnceListener(signal, onSignal)
  }
}

async function settled(what: string, work: Promise<void>, diagnostics: Diagnostics): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const limit = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${longestMs} ms`)), longestMs)
  })
  try {
    await Promise.race([work, limit])
    diagnostics.debug(`${what}: done`)
  } catch (error) {
    diagnostics.warn(`${what} failed: ${reasonOf(error)}`)
  } finally {
    clearTimeout(timer)
  }
}

/** A provider rejects with a list of errors; errors of several connections have no message of their own. */
function reasonOf(error: unknown): string {
  if (Array.isArray(error)) return error.map(reasonOf).join(', ')
  if (!(error instanceof Error)) return String(error)
  if (error instanceof AggregateError) return error.errors.map(reasonOf).join(', ')
  return error.message || ((error as NodeJS.ErrnoException).code ?? error.name)
}
