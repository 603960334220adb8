/** A benchmark that `npm run bench -- <name>` runs. */
export interface Benchmark {
  readonly name: string
  /** One line about what it measures. */
  readonly summary: string
  /** Measures and prints the figures. Returns whether all limits are kept. */
  run(): Promise<boolean>
}
