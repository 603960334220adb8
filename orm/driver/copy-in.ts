import { setImmediate } from 'node:timers/promises'
import type { Connection, Submittable } from 'pg'
import { isServerError } from './lane/server-error.ts'
import { throwLater } from './lane/throw-later.ts'

/** Where the rows of a COPY come from. */
export interface CopySource {
  /** Some lines of COPY's text format; undefined when there are no more. What it throws fails the COPY. */
  next(): Promise<Uint8Array | undefined>
}

/** What we need of a connection of `pg` besides its types. */
interface CopyConnection extends Connection {
  sendCopyFromChunk(chunk: Uint8Array): void
  endCopyFrom(): void
  sendCopyFail(reason: string): void
}

type Callback = (error: unknown, result?: unknown) => void

const nobody: Callback = () => {}

/**
 * COPY … FROM STDIN as a query of a `pg` client. It uses only what `pg` documents, and PostgreSQL's simple protocol:
 * poolers know it, and behind an error the server passes over what is left of the rows.
 */
export class CopyIn implements Submittable {
  /** For those who watch `pg`, as `values`, `name` and `callback` are. */
  readonly text: string
  readonly values: readonly unknown[] = []
  // Own, or an instrumentation that copies what has no name would lose the methods.
  readonly name = ''
  // Others wrap it: time limits and instrumentations hear of the end by it.
  callback: Callback = nobody
  readonly #source: CopySource
  readonly #ended: (failure: { readonly error: unknown } | undefined, rowCount: number) => void
  #connection: CopyConnection | undefined
  #failure: { readonly error: unknown } | undefined
  #rowCount = 0
  /** Whether no more rows are sent. */
  #isStopped = false
  #isOver = false
  #goOn: (() => void) | undefined

  constructor(
    text: string,
    source: CopySource,
    ended: (failure: { readonly error: unknown } | undefined, rowCount: number) => void,
  ) {
    this.text = text
    this.#source = source
    this.#ended = ended
  }

  submit(connection: Connection): null {
    connection.query(this.text)
    return null
  }

  /**
   * Ends the COPY, which fails: the server does not look at a cancel request while it waits for rows.
   *
   * @param error what it fails with; undefined: what the server says
   */
  stop(error?: unknown): void {
    if (!this.#isStopped && error !== undefined) this.#failure = { error }
    this.#stop('the COPY was cancelled')
  }

  #stop(reason: string): void {
    if (this.#isStopped) return
    this.#isStopped = true
    this.#goOn?.()
    this.#connection?.sendCopyFail(reason)
  }

  handleCopyInResponse(connection: Connection): void {
    const copying = connection as CopyConnection
    if (this.#isStopped) return copying.sendCopyFail('the COPY was cancelled')
    this.#connection = copying
    void this.#send(copying)
  }

  async #send(connection: CopyConnection): Promise<void> {
    try {
      for (;;) {
        const chunk = await this.#source.next()
        if (this.#isStopped) return
        if (chunk === undefined) break
        connection.sendCopyFromChunk(chunk)
        // A socket that takes everything at once would leave no turn to whoever answers, or cancels.
        await setImmediate()
        await this.#drained(connection)
        if (this.#isStopped) return
      }
      this.#isStopped = true
      connection.endCopyFrom()
    } catch (error) {
      if (this.#isStopped) return
      this.#failure = { error }
      this.#stop('the rows could not be read')
    }
  }

  /** Waits until the socket takes more. Also resolves when it is of no use any more. */
  #drained({ stream }: CopyConnection): Promise<void> | undefined {
    if (!stream.writableNeedDrain) return undefined
    return new Promise((resolve) => {
      const goOn = (): void => {
        stream.removeListener('drain', goOn)
        this.#goOn = undefined
        resolve()
      }
      this.#goOn = goOn
      stream.once('drain', goOn)
    })
  }

  handleCommandComplete({ text }: { readonly text: string }): void {
    this.#rowCount = Number(/\d+$/.exec(text)?.[0] ?? 0)
  }

  handleReadyForQuery(): void {
    this.#end()
  }

  /** After an error of the server, `pg` forgets the query, although the server is not ready yet. */
  handleError(error: unknown, connection: Connection): void {
    this.#failure ??= { error }
    this.#isStopped = true
    this.#goOn?.()
    if (!isServerError(error)) return this.#end()
    const end = (): void => {
      connection.removeListener('readyForQuery', end)
      connection.removeListener('end', end)
      this.#end()
    }
    connection.once('readyForQuery', end)
    connection.once('end', end)
  }

  #end(): void {
    if (this.#isOver) return
    this.#isOver = true
    try {
      this.#answer()
    } catch (error) {
      throwLater(error)
    }
    this.#ended(this.#failure, this.#rowCount)
  }

  #answer(): void {
    const { callback } = this
    if (this.#failure !== undefined) callback(this.#failure.error)
    else callback(null, { rowCount: this.#rowCount, rows: [], fields: [] })
  }
}
