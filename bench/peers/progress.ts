import type { WriteStream } from 'node:tty'

/** What a progress line is written to: a terminal, a file or a pipe. */
export type Output = Pick<WriteStream, 'write'> & {
  readonly isTTY?: boolean
  readonly columns?: number
}

/** Tells how far a run is: on a terminal with one line that is written again, elsewhere with a line for each phase. */
export class Progress implements Disposable {
  readonly #output: Output
  #phase = ''

  constructor(output: Output = process.stderr) {
    this.#output = output
  }

  phase(name: string): void {
    this.#phase = name
    if (this.#output.isTTY === true) this.#rewrite(name)
    else this.#output.write(`${name}\n`)
  }

  /** How far the phase is. */
  step(done: number, all: number): void {
    if (this.#output.isTTY === true) this.#rewrite(`${this.#phase}  ${done}/${all}`)
  }

  /** Clears the line. */
  [Symbol.dispose](): void {
    if (this.#output.isTTY === true) this.#rewrite('')
  }

  #rewrite(line: string): void {
    // A line that wraps could not be written again.
    this.#output.write(`\r\u001B[K${line.slice(0, (this.#output.columns ?? 80) - 1)}`)
  }
}
