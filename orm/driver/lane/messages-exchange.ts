import type { Connection } from 'pg'
import { Exchange } from './exchange.ts'
import { copyError } from './lane-error.ts'
import { readTexts } from './row-format.ts'
import { isServerError } from './server-error.ts'

interface CopyConnection extends Connection {
  sendCopyFail(reason: string): void
}

/** An exchange that reads the messages of `pg`, on a client of the application. */
export class MessagesExchange extends Exchange {
  handleRowDescription({ fields }: { fields: readonly { dataTypeID: number }[] }): void {
    this.described(fields.map(({ dataTypeID }) => dataTypeID))
  }

  handleDataRow({ fields }: { fields: readonly (string | null)[] }): void {
    const { step } = this
    if (step === undefined || this.failure !== undefined) return
    const { part } = step
    this.beginRows(step)
    if (part.row === undefined) return
    try {
      part.row(part.decoder === undefined ? fields : readTexts(part.decoder, fields))
    } catch (error) {
      this.failAtPart(error)
    }
  }

  handleCommandComplete({ text }: { text: string }): void {
    const [, tag = text, count = '0'] = /^(\D*?)(?: \d+)? (\d+)$/.exec(text) ?? []
    this.#completed(tag, Number(count))
  }

  handleEmptyQuery(): void {
    this.#completed('', 0)
  }

  // `pg` passes on neither ParseComplete nor NoData. But what was executed was parsed.
  #completed(tag: string, rowCount: number): void {
    this.parsed()
    if (this.step?.describes === true && !this.isTold) this.described([])
    this.completed(tag, rowCount)
  }

  handlePortalSuspended(): void {}

  handleCopyInResponse(connection: Connection): void {
    this.failAtPart(copyError())
    // A server that expects data ignores a Sync. Behind other messages it ends the connection by itself.
    if (!this.isAtLastPart) return
    ;(connection as CopyConnection).sendCopyFail('COPY FROM STDIN is not supported')
    connection.sync()
  }

  handleCopyData(): void {
    if (this.failure === undefined) this.failAtPart(copyError())
  }

  handleReadyForQuery(): void {
    this.host.ready(this)
  }

  /** After an error of the server, `pg` forgets the exchange although it goes on until ReadyForQuery. */
  handleError(error: unknown): void {
    if (this.failure?.error === error) this.end()
    else if (isServerError(error)) {
      this.failAtPart(error)
      this.host.ready(this)
    } else this.lose(error)
  }
}
