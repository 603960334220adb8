/** A benchmark by its name. */
export interface Benchmark {
  readonly name: string
  /** What it measures, in one line. */
  readonly summary: string
  /** Measures, prints what it found, and says whether everything that it promises holds. */
  run(): Promise<boolean>
}
