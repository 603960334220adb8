import type { Socket } from 'node:net'
import type { PoolClient, QueryResult } from 'pg'
import type { ParserOf } from '../sql/fetched.ts'
import type { Parameter } from '../sql/node.ts'
import { Cancelling, graceMs } from './cancelling.ts'
import { Client } from './client.ts'
import { CopyIn, type CopySource } from './copy-in.ts'
import { Lane } from './lane/lane.ts'
import type { Failure } from './lane/part.ts'
import { outdatedOf } from './pg-errors.ts'
import type { RawOutcome } from './raw-outcome.ts'
import type { RowForm } from './session-pool.ts'
import type { Sending } from './sending.ts'

/** Called once with the error, or with undefined. */
export type Ended = (failure: Failure | undefined) => void

/** What all connections of a pool share. */
export interface PoolState {
  /** Whether statements are prepared; undefined: unless there is a pooler in between. */
  readonly prepare: boolean | undefined
  /** How often the tables have changed under prepared statements. */
  changes: number
}

const connections = new WeakMap<PoolClient, PoolConnection>()

/** A connection. Never given two exchanges at a time. */
export type Connection = Pick<PoolConnection, keyof PoolConnection>

/** One connection of a pool. */
export class PoolConnection {
  readonly #client: PoolClient
  readonly #lane: Lane
  readonly #isOwn: boolean
  #isListening = false
  #isCheckedOut = false
  #lost: Error | undefined
  #isUnfit = false
  #isDirect: boolean | undefined
  readonly #pool: PoolState
  #changes: number
  #prepares = false
  /** Whether your own SQL may have changed the state of the server's session. */
  isChanged = false
  #cancelling: Cancelling | undefined
  #copy: CopyIn | undefined

  private constructor(client: PoolClient, pool: PoolState) {
    this.#client = client
    this.#pool = pool
    this.#changes = pool.changes
    this.#lane = Lane.of(client)
    this.#isOwn = client instanceof Client
  }

  /** The connection of a client that the pool has given. */
  static checkOut(client: PoolClient, pool: PoolState): PoolConnection {
    let connection = connections.get(client)
    if (connection === undefined || connection.#pool !== pool)
      connections.set(client, (connection = new PoolConnection(client, pool)))
    connection.#checkOut()
    return connection
  }

  #checkOut(): void {
    this.#isCheckedOut = true
    if (this.#changes !== this.#pool.changes) {
      this.#changes = this.#pool.changes
      this.#lane.doubtAll()
    }
    if (this.#isListening) return
    this.#isListening = true
    // While it is checked out, nobody else listens for errors, and an error without a listener ends the process.
    this.#client.on('error', this.#onLost)
  }

  /** Whether it is not known yet if there is a pooler in between. */
  get needsProbe(): boolean {
    return this.#isDirect === undefined
  }

  /** Finds out whether there is a pooler in between. Through one, the server's process is another one. */
  probe(done: Ended): void {
    const { processID } = this.#client as unknown as { readonly processID: number | null }
    let answer: unknown
    const part = {
      text: 'select pg_backend_pid()',
      parameters: [],
      row: (row: readonly unknown[]) => void ([answer] = row),
    }
    this.#lane.sendAside([part], (failure) => {
      if (failure === undefined) {
        this.#isDirect = Number(answer) === processID
        this.#prepares = this.#pool.prepare ?? this.#isDirect
      }
      done(failure)
    })
  }

  /** Sends statements in one exchange. An error skips what is left of it. */
  send(sendings: readonly Sending[], ended: Ended): void {
    for (let index = 0; index < sendings.length; index += 1)
      (sendings[index] as Sending).begin(this.#prepares, this.#parserOf)
    this.#lane.send(sendings, ended)
  }

  /**
   * Whether prepared statements were the reason of a failure. Those of the exchange are prepared again then.
   */
  outdate(cause: unknown, sendings: readonly Sending[]): boolean {
    const kind = outdatedOf(cause)
    if (kind === undefined) return false
    // A pooler is in between: the server has a statement that another client prepared.
    if (kind === 'foreign') this.#prepares = false
    this.#lane.doubtAll()
    // Each connection of the pool has prepared them.
    if (kind === 'gone') this.#changes = this.#pool.changes += 1
    return sendings.some(({ name }) => name !== undefined)
  }

  /** Prepares all statements again when they are next used. */
  doubtStatements(): void {
    this.#lane.doubtAll()
  }

  /** Sends one statement without parameters. */
  ask(text: string, done: Ended): void {
    this.#lane.send([{ text, parameters: [] }], done)
  }

  /** Runs a text that may have several statements. Rows are objects by default, with the values that `pg` parses for each type. */
  async objects(
    text: string,
    parameters: readonly Parameter[],
    form: RowForm | undefined,
  ): Promise<RawOutcome> {
    const values = parameters as Parameter[]
    const result: QueryResult | QueryResult[] = await this.#client.query({ text, values, ...form })
    // Several statements in one text give a result each.
    const results = Array.isArray(result) ? result : [result]
    const last = results.at(-1)
    return {
      rows: last?.rows ?? [],
      rowCount: last?.rowCount ?? 0,
      commands: results.map(({ command }) => command),
      results,
    }
  }

  /** Runs COPY … FROM STDIN. Gives the number of rows. */
  async copy(text: string, source: CopySource): Promise<number> {
    const copying = Promise.withResolvers<number>()
    this.#copy = new CopyIn(text, source, (failure, rowCount) => {
      this.#copy = undefined
      if (failure === undefined) copying.resolve(rowCount)
      else copying.reject(failure.error)
    })
    this.#client.query(this.#copy)
    return copying.promise
  }

  /** Ends the COPY that runs, with an error. */
  stopCopy(error: unknown): void {
    this.#copy?.stop(error)
  }

  /**
   * Asks the server to cancel the running statement. If the statement goes on after the grace period, the
   * connection is closed.
   *
   * @param isWanted whether what runs by then may be cancelled, and cut off
   */
  cancel(isWanted: () => boolean): void {
    this.#copy?.stop()
    this.#cancelling ??= new Cancelling({
      client: this.#client,
      isWanted,
      cutOff: () => this.destroy(),
    })
  }

  get isCancelling(): boolean {
    return this.#cancelling !== undefined
  }

  /** Resolves when no cancel request of the last statement is under way, which could cancel the next one. */
  async settled(): Promise<void> {
    await this.#cancelling?.ended()
    this.#cancelling = undefined
  }

  /** Breaks the connection. The running statement fails, and PostgreSQL rolls back by itself. */
  destroy(): void {
    this.#lost ??= new Error('the connection was cut off')
    const { connection } = this.#client as unknown as { connection: { stream: Socket } }
    connection.stream.destroy()
  }

  /** Whether PostgreSQL, when it last answered, was in a transaction, failed or not. */
  get isInTransaction(): boolean {
    return this.#lane.isInTransaction
  }

  /** Whether PostgreSQL refuses all statements until a rollback. */
  get hasFailed(): boolean {
    return this.#lane.hasFailed
  }

  /** Why the connection broke or was closed while no statement ran; undefined if it did not. */
  get loss(): Error | undefined {
    return this.#lost
  }

  /** The connection must not be used after this: its server cannot do the work, or it is in an unknown state. */
  replace(): void {
    this.#isUnfit = true
  }

  /** Whether it has to be reset before others use it, and can be. */
  get needsReset(): boolean {
    return this.isChanged && this.isResettable && this.#lost === undefined
  }

  /** Whether its first state is that of the server's session. */
  get isResettable(): boolean {
    return this.#isOwn && this.#isDirect === true
  }

  /** Puts the server's session into its first state. If that takes too long, the connection is closed. */
  reset(done: () => void): void {
    const limit = setTimeout(() => this.destroy(), graceMs)
    this.ask('discard all', (failure) => {
      clearTimeout(limit)
      this.#lane.forgetAll()
      if (failure === undefined) this.isChanged = false
      else this.#isUnfit = true
      done()
    })
  }

  /** Returns the connection to the pool. Closes it instead if it is broken, still in a transaction, or changed. */
  release(cause?: unknown): void {
    if (!this.#isCheckedOut) return
    this.#isCheckedOut = false
    // Without a pooler in between, a changed session of a foreign pool is closed: its handlers may have set a role.
    const isLeftChanged = this.isChanged && this.#isDirect === true
    const broken = cause ?? this.#lost ?? (this.#isUnfit || this.isInTransaction || isLeftChanged)
    if (!this.#isOwn || broken !== false) {
      this.#isListening = false
      this.#client.removeListener('error', this.#onLost)
    }
    if (broken === false) return this.#client.release()
    this.#client.release(broken instanceof Error ? broken : true)
  }

  readonly #parserOf: ParserOf = (typeId) => this.#client.getTypeParser(typeId)

  readonly #onLost = (error: Error): void => {
    this.#lost = error
  }
}
