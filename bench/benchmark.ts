/** A benchmark that `npm run bench -- <name>` runs. */
export interface Benchmark {
  readonly name: string
  /** One line about what it measures. */
  readonly summary: string
  /** The options that it takes, as lines of help. Without them, it takes none. */
  readonly options?: string
  /**
   * Measures and prints the figures. Returns whether all limits are kept.
   *
   * Throws a {@link UsageError} if it does not understand the given options.
   */
  run(options: readonly string[]): Promise<boolean>
}

/** The options on the command line are wrong. The message says what was expected. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}
