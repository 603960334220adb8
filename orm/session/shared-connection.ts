import type { Pool } from '../driver/pool.ts'
import { type ClientQuery, type ClientResult, sessionPool } from '../driver/session-pool.ts'
import { textStatement } from '../sql/raw-statement.ts'
import { transactionCommand, type TransactionCommand } from '../sql/transaction-command.ts'
import { ClientTransactions, type TransactionHost } from './client-transactions.ts'
import type { Flusher } from './flusher.ts'

/** What a session does for other libraries. */
export interface ConnectionHost extends TransactionHost {
  readonly flusher: Pick<Flusher, 'execute'>
  /** Runs work of the program, if the session can be used. */
  used<T>(work: () => Promise<T>): Promise<T>
}

/** The session as a pool of `pg`, for other libraries. */
export function sharedConnection(host: ConnectionHost): Pool {
  return sessionPool(() => {
    const client = new SharedClient(host)
    return (query) => host.used(() => client.run(query))
  })
}

const ignore = (): void => {}

/** The statements of one client. A command of transactions waits for what came before, and what follows waits for it. */
class SharedClient {
  readonly #host: ConnectionHost
  readonly #transactions: ClientTransactions
  readonly #running = new Set<Promise<unknown>>()
  #command: Promise<void> | undefined

  constructor(host: ConnectionHost) {
    this.#host = host
    this.#transactions = new ClientTransactions(host)
  }

  run(query: ClientQuery): Promise<ClientResult> {
    const command = transactionCommand(query.text)
    if (command !== undefined) return this.#inOrder(query, command)
    const earlier = this.#command
    const running =
      earlier === undefined ? this.#send(query) : earlier.then(() => this.#send(query))
    return this.#tracked(running)
  }

  #inOrder(query: ClientQuery, command: TransactionCommand): Promise<ClientResult> {
    const earlier = Promise.allSettled(this.#running)
    const running = this.#tracked(earlier.then(() => this.#take(query, command)))
    const ended = running.then(ignore, ignore).then(() => {
      if (this.#command === ended) this.#command = undefined
    })
    this.#command = ended
    return running
  }

  async #take(query: ClientQuery, command: TransactionCommand): Promise<ClientResult> {
    const taken = this.#transactions.take(command)
    if (taken === undefined) return this.#send(query)
    await taken
    return { command: tagOf(command), rowCount: null as never, oid: 0, fields: [], rows: [] }
  }

  async #send({ text, values, ...form }: ClientQuery): Promise<ClientResult> {
    const { results } = await this.#host.flusher.execute(textStatement(text, values), form)
    const [result] = results
    return result !== undefined && results.length === 1 ? result : results
  }

  #tracked<T>(work: Promise<T>): Promise<T> {
    const tracked = work.finally(() => this.#running.delete(tracked))
    this.#running.add(tracked)
    return tracked
  }
}

/** PostgreSQL's tag: that of ROLLBACK TO is ROLLBACK. */
function tagOf({ kind }: TransactionCommand): string {
  return kind === 'rollback to' ? 'ROLLBACK' : kind.toUpperCase()
}
