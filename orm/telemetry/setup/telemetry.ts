/** What {@link configureTelemetry} has started. It ends by itself with the process; none of its promises rejects. */
export interface Telemetry {
  /** Exports the spans that have ended so far; waits for 3 seconds at most. */
  flush(): Promise<void>
  /** Exports what is left and ends the export; waits for 3 seconds at most. It cannot be started again. */
  shutdown(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

const nothing = (): Promise<void> => Promise.resolve()

/** Where tracing is switched off. */
export const idleTelemetry: Telemetry = {
  flush: nothing,
  shutdown: nothing,
  [Symbol.asyncDispose]: nothing,
}
