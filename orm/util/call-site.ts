/** A function of the program that was running when it called the library. */
export interface Frame {
  /** As V8 says it, before source maps. */
  readonly file: string
  readonly line: number
  readonly column: number
  /** Empty for a function without a name. */
  readonly function: string
  /** Whether it waits for what the next frame does. */
  readonly isAsync: boolean
  readonly raw: NodeJS.CallSite
}

/** Where the program has called the library. */
export interface CallSite {
  /** The functions of the program, the innermost first. */
  readonly frames: readonly Frame[]
}
