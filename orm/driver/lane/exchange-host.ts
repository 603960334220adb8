import type { Connection } from 'pg'
import type { ByteFeed } from './byte-feed.ts'
import { BytesExchange } from './bytes-exchange.ts'
import type { Exchange } from './exchange.ts'
import { Statements } from './statements.ts'

/** What all exchanges of a client share. */
export class ExchangeHost {
  readonly statements: Statements = new Statements()
  readonly #feed: ByteFeed | undefined
  #connection: Connection | undefined
  /** `pg` has no more messages for it. It ends when the server is ready. */
  #ending: Exchange | undefined
  #status = 'I'
  #count = 0

  /** @param feed undefined if the exchanges read the messages of `pg` */
  constructor(feed: ByteFeed | undefined, connection: Connection | undefined) {
    this.#feed = feed
    if (connection !== undefined) this.#listen(connection)
  }

  get readsBytes(): boolean {
    return this.#feed !== undefined
  }

  /** PostgreSQL's letter of the transaction's status. */
  get status(): string {
    return this.#status
  }

  nextNumber(): number {
    return (this.#count += 1)
  }

  /** The exchange is about to be written. */
  begin(exchange: Exchange, connection: Connection): void {
    if (connection !== this.#connection) this.#listen(connection)
    if (exchange instanceof BytesExchange) this.#feed?.begin(exchange)
  }

  /** The exchange ends when `pg` has heard that the server is ready. */
  ready(exchange: Exchange): void {
    this.#ending = exchange
  }

  #listen(connection: Connection): void {
    this.#connection = connection
    // `pg` listens already, so that it hears of both first, and knows the transaction's status.
    connection.on('readyForQuery', ({ status }: { readonly status: string }) => {
      this.#status = status
      this.#takeEnding()?.finish()
    })
    connection.on('end', () =>
      this.#takeEnding()?.lose(new Error('Connection terminated unexpectedly')),
    )
  }

  #takeEnding(): Exchange | undefined {
    const ending = this.#ending
    this.#ending = undefined
    return ending
  }
}
