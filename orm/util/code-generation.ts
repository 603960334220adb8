type AnyFunction = (...values: never[]) => unknown

let isAllowed: boolean | undefined

/**
 * Whether the process may make functions from source text. Node's flag
 * `--disallow-code-generation-from-strings` forbids it.
 */
export function canGenerate(): boolean {
  if (isAllowed === undefined) {
    try {
      // oxlint-disable-next-line typescript/no-implied-eval -- asks whether the next function would be refused
      isAllowed = new Function('return true')() === true
    } catch {
      isAllowed = false
    }
  }
  return isAllowed
}

/**
 * Makes a function of generated source. Names and other texts from outside have to be in it as
 * {@link literal}.
 *
 * @param names the names of `values` in the source
 * @param source a function expression
 */
export function generate<F extends AnyFunction>(
  names: readonly string[],
  values: readonly unknown[],
  source: string,
): F {
  // oxlint-disable-next-line typescript/no-implied-eval -- a function per table is twice as fast as a loop
  return new Function(...names, `'use strict'; return ${source}`)(...values) as F
}

/** A text as a JavaScript literal. */
export function literal(text: string): string {
  return JSON.stringify(text)
}
