import { int16At, int32At, latin1At } from './bytes.ts'
import { Exchange } from './exchange.ts'
import { type RowReader, readTextRow } from './row-reader.ts'

/** An exchange that reads what the server sends. The message bodies lie between `at` and `end`. */
export class BytesExchange extends Exchange {
  #read: RowReader | undefined
  #rows = 0

  dataRow(bytes: Buffer, at: number): void {
    const { step } = this
    if (step === undefined) throw new Error('Expected rows of a statement, got a row too many')
    this.#rows += 1
    if (this.failure !== undefined) return
    const { part } = step
    if (this.#read === undefined) {
      this.beginRows(step)
      this.#read = step.format?.read ?? readTextRow
    }
    if (part.row === undefined) return
    try {
      part.row(this.#read(bytes, at))
    } catch (error) {
      this.failAtPart(error)
    }
  }

  rowDescription(bytes: Buffer, at: number): void {
    const typeIds: number[] = []
    let next = at + 2
    for (let left = int16At(bytes, at); left > 0; left -= 1) {
      next = bytes.indexOf(0, next) + 1
      typeIds.push(int32At(bytes, next + 6) >>> 0)
      next += 18
    }
    this.described(typeIds)
  }

  commandComplete(bytes: Buffer, at: number, end: number): void {
    this.#read = undefined
    // The counts are the last words: `INSERT 0 5`, `SELECT 5`, but `CREATE TABLE`.
    let last = end - 1
    let rowCount = 0
    for (let unit = 1; isDigit(bytes[last - 1]); unit *= 10) {
      last -= 1
      rowCount += unit * (bytes[last]! - 0x30)
    }
    const rows = this.#rows
    this.#rows = 0
    if (last === end - 1) return this.completed(latin1At(bytes, at, last), 0)
    // Rows that nobody sent would be taken for rows of the table.
    if (rows > 0 && rows !== rowCount)
      throw new Error(`Expected ${rowCount} rows of a statement, got ${rows}`)
    last -= 1
    while (isDigit(bytes[last - 1])) last -= 1
    if (bytes[last - 1] === 0x20) last -= 1
    this.completed(latin1At(bytes, at, last), rowCount)
  }

  emptyQuery(): void {
    this.#read = undefined
    this.completed('', 0)
  }

  /** `pg` hears of the end first. The feed goes on with {@link finish}. */
  handleReadyForQuery(): void {}

  /** Only `pg` itself speaks here: the exchange was not sent, time is over, or the connection is gone. */
  handleError(error: unknown): void {
    if (this.failure?.error === error) this.end()
    else this.lose(error)
  }
}

function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= 0x30 && byte <= 0x39
}
