import type { RowDecoder } from '../../schema/wire-form.ts'
import { preparedBytes } from '../../sql/prepared-name.ts'
import { laneError } from './lane-error.ts'
import { type RowFormat, rowFormat } from './row-format.ts'

/** A statement that is prepared on a connection, or may be. */
export class Statement {
  readonly name: string
  readonly text: string
  /** The head of its Bind messages: no portal's name, then its own. */
  readonly bindHead: Buffer
  /** The server has parsed it. Otherwise it is in doubt: it is closed before it is parsed again. */
  isKnown = false
  /** Whether it was used since it was last looked at to make room. */
  isUsed = false
  /** What the server needs for it, as an estimate. */
  readonly bytes: number
  /** The number of the exchange that parses it. */
  parsedIn = 0
  #typeIds: readonly number[] | undefined
  #decoder: RowDecoder | undefined
  #format: RowFormat | undefined

  constructor(name: string, text: string) {
    this.name = name
    this.text = text
    this.bytes = preparedBytes(text)
    this.bindHead = Buffer.from(`\0${name}\0`)
    // PostgreSQL cuts longer names off, so that two of them could mean one statement.
    if (name.includes('\0') || this.bindHead.length > 65)
      throw laneError(
        `Expected a statement's name of at most 63 bytes, got ${JSON.stringify(name)}`,
      )
  }

  /** The types of its columns, once the server has described them; none if it gives no rows. */
  get typeIds(): readonly number[] | undefined {
    return this.#typeIds
  }

  set typeIds(typeIds: readonly number[] | undefined) {
    this.#typeIds = typeIds
    // What was binary may be another type now.
    this.#decoder = undefined
  }

  format(decoder: RowDecoder): RowFormat {
    if (this.#decoder === decoder && this.#format !== undefined) return this.#format
    this.#decoder = decoder
    return (this.#format = rowFormat(decoder, this.#typeIds))
  }
}

/** How much memory the server may need for the statements of one connection. */
const mostBytes = 20_000_000

const none: readonly Statement[] = []

/** The statements that are prepared on one connection. */
export class Statements {
  readonly #byName = new Map<string, Statement>()
  #bytes = 0

  get(name: string): Statement | undefined {
    return this.#byName.get(name)
  }

  add(statement: Statement): void {
    const last = this.#byName.get(statement.name)
    if (last !== undefined) this.#bytes -= last.bytes
    this.#byName.set(statement.name, statement)
    this.#bytes += statement.bytes
  }

  /**
   * Makes room for a statement that was added.
   *
   * @returns others, which have not been used for long and are closed now
   */
  makeRoom(added: Statement): readonly Statement[] {
    if (this.#bytes <= mostBytes) return none
    const closed: Statement[] = []
    for (const statement of this.#byName.values()) {
      if (this.#bytes <= mostBytes) break
      if (statement === added) continue
      this.#byName.delete(statement.name)
      if (statement.isUsed) {
        // It comes to the end of the line, and is met again there.
        statement.isUsed = false
        this.#byName.set(statement.name, statement)
      } else {
        this.#bytes -= statement.bytes
        closed.push(statement)
      }
    }
    return closed
  }

  forget(name: string): void {
    const statement = this.#byName.get(name)
    if (statement !== undefined) statement.isKnown = false
  }

  /** The tables have changed: every statement may have other columns now. */
  doubtAll(): void {
    for (const statement of this.#byName.values()) statement.isKnown = false
  }

  forgetAll(): void {
    this.#byName.clear()
    this.#bytes = 0
  }
}
