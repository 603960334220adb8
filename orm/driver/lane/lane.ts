import type { PoolClient, Submittable } from 'pg'
import { ByteFeed } from './byte-feed.ts'
import { BytesExchange } from './bytes-exchange.ts'
import type { Ended } from './exchange.ts'
import { ExchangeHost } from './exchange-host.ts'
import { MessagesExchange } from './messages-exchange.ts'
import type { Part } from './part.ts'

type Query = (exchange: Submittable) => unknown

const lanes = new WeakMap<PoolClient, Lane>()

/**
 * PostgreSQL's protocol on a client of `pg`: several statements with one Sync behind them, in one write.
 * `pg` still connects, and its own queries go on working between the exchanges.
 */
export class Lane {
  readonly #client: PoolClient
  readonly #feed: ByteFeed | undefined
  readonly #host: ExchangeHost

  private constructor(client: PoolClient) {
    this.#client = client
    this.#feed = ByteFeed.of(client.connection)
    this.#host = new ExchangeHost(this.#feed, client.connection)
  }

  /** The lane of a client, made once for each client. */
  static of(client: PoolClient): Lane {
    let lane = lanes.get(client)
    if (lane === undefined) lanes.set(client, (lane = new Lane(client)))
    return lane
  }

  /**
   * Sends all parts with one Sync at the end, in one write. One exchange at a time. Never throws.
   *
   * @param ended called once, when the server is ready for the next exchange or the connection is lost
   */
  send(parts: readonly Part[], ended: Ended): void {
    this.#send(parts, ended, (exchange) => this.#client.query(exchange))
  }

  /** Like {@link send}, unseen by those who watch the queries of the driver: the program has not asked for it. */
  sendAside(parts: readonly Part[], ended: Ended): void {
    const client = this.#client as unknown as { readonly query: { readonly __original?: Query } }
    const { __original: original } = client.query
    if (original === undefined) this.send(parts, ended)
    else this.#send(parts, ended, (exchange) => original.call(this.#client, exchange))
  }

  #send(parts: readonly Part[], ended: Ended, query: Query): void {
    const exchange =
      this.#feed === undefined
        ? new MessagesExchange(this.#host, parts, ended)
        : new BytesExchange(this.#host, parts, ended)
    try {
      query(exchange)
    } catch (error) {
      process.nextTick(() => exchange.lose(error))
    }
  }

  /** Whether a transaction was open, failed or not, when the server was last ready. */
  get isInTransaction(): boolean {
    return this.#status !== 'I'
  }

  /** Whether the transaction had failed then. */
  get hasFailed(): boolean {
    return this.#status === 'E'
  }

  get #status(): string {
    return this.#client.getTransactionStatus?.() ?? this.#host.status
  }

  /** Takes a prepared statement as outdated: it is closed and parsed again when its name is next used. */
  forget(name: string): void {
    this.#host.statements.forget(name)
  }

  /** Takes all prepared statements as outdated: each is closed and parsed again when it is next used. */
  doubtAll(): void {
    this.#host.statements.doubtAll()
  }

  /** Takes all prepared statements as gone, as after DISCARD ALL. */
  forgetAll(): void {
    this.#host.statements.forgetAll()
  }

  /** Whether the bytes of the server are read here, rather than the messages of `pg`. */
  get readsBytes(): boolean {
    return this.#host.readsBytes
  }
}
