import type { Duplex } from 'node:stream'
import type { Connection } from 'pg'
import { int32At } from './bytes.ts'
import type { BytesExchange } from './bytes-exchange.ts'
import { copyFailAndSync } from './encode.ts'
import { copyError } from './lane-error.ts'
import { serverError } from './server-error.ts'
import { throwLater } from './throw-later.ts'

type Take = (bytes: Buffer) => void

/** What we need of a connection of `pg` besides its types. */
interface Tappable extends Connection {
  attachListeners(stream: Duplex): void
}

const feeds = new WeakMap<Connection, ByteFeed>()

const headSize = 5
// No message of PostgreSQL is longer than its longest allocation.
const largestSize = 0x4000_0000

/**
 * Reads what the server sends on one connection. An exchange gets the messages that answer it; all others go
 * to the parser of `pg`, byte for byte.
 */
export class ByteFeed {
  #stream: Duplex | undefined
  #toPg: Take | undefined
  #exchange: BytesExchange | undefined
  #isBroken = false
  // The head of a message, if it comes in pieces.
  readonly #head = Buffer.alloc(headSize)
  #headSize = 0
  #isPgs = true
  /** How many bytes of a message of `pg` are still to come. */
  #owed = 0
  // A message of the exchange, if it comes in pieces.
  #message: Buffer | undefined
  #messageSize = 0

  private constructor() {}

  /** Reads what a connection receives, before it is opened. */
  static tap(connection: Connection | undefined): void {
    const { attachListeners } = (connection ?? {}) as Partial<Tappable>
    // A client of pg-native has no such connection.
    if (connection === undefined || typeof attachListeners !== 'function') return
    const feed = new ByteFeed()
    const tapped = connection as Tappable
    tapped.attachListeners = (stream) =>
      feed.#attach(stream, (target) => attachListeners.call(connection, target))
    guardEmit(connection)
    feeds.set(connection, feed)
  }

  /** The feed of an open connection; undefined if `pg` reads its connection in another way. */
  static of(connection: Connection | undefined): ByteFeed | undefined {
    const feed = connection && feeds.get(connection)
    return feed === undefined || feed.#toPg === undefined ? undefined : feed
  }

  begin(exchange: BytesExchange): void {
    this.#exchange = exchange
  }

  // `pg` gets a stand-in of the stream, which keeps its listener for us.
  #attach(stream: Duplex, attach: (target: Duplex) => void): void {
    this.#stream = stream
    this.#toPg = undefined
    const standIn = {
      on: (event: string, listener: (...values: unknown[]) => void) => {
        if (event === 'data') this.#toPg = listener
        else stream.on(event, listener)
        return standIn
      },
    }
    try {
      attach(standIn as unknown as Duplex)
    } catch (error) {
      // This `pg` does more with the stream than reading: leave it all to it.
      if (!(error instanceof TypeError)) throw error
      this.#toPg = undefined
    }
    if (this.#toPg === undefined) attach(stream)
    else stream.on('data', (chunk: Buffer) => this.receive(chunk))
  }

  receive(chunk: Buffer): void {
    if (this.#isBroken) return
    try {
      let at = 0
      while (at < chunk.length) at = this.#next(chunk, at)
    } catch (error) {
      this.#break(error)
    }
  }

  /** @returns the position behind what was read */
  #next(chunk: Buffer, at: number): number {
    if (this.#owed > 0) return this.#passOn(chunk, at)
    if (this.#message !== undefined) return this.#fill(this.#message, chunk, at)
    if (this.#headSize > 0) return this.#fillHead(chunk, at)
    return this.#exchange === undefined
      ? this.#skim(chunk, at)
      : this.#read(chunk, at, this.#exchange)
  }

  /** No exchange is under way: only where messages end is of interest. */
  #skim(chunk: Buffer, start: number): number {
    const end = chunk.length
    let at = start
    while (end - at >= headSize) at += sizeAt(chunk, at)
    if (at > end) this.#owed = at - end
    else if (at < end) this.#beginHead(chunk, at, true)
    this.#pass(start === 0 ? chunk : chunk.subarray(start))
    return end
  }

  #read(chunk: Buffer, start: number, exchange: BytesExchange): number {
    const end = chunk.length
    let at = start
    while (end - at >= headSize) {
      const type = chunk[at]!
      const size = sizeAt(chunk, at)
      const next = at + size
      if (next > end) {
        this.#startMessage(chunk.subarray(at), size)
        return end
      }
      if (type === letter.dataRow) exchange.dataRow(chunk, at + headSize)
      else if (this.#handle(exchange, type, chunk, at, next)) return next
      at = next
    }
    if (at < end) this.#beginHead(chunk, at, false)
    return end
  }

  #beginHead(chunk: Buffer, at: number, isPgs: boolean): void {
    this.#headSize = chunk.copy(this.#head, 0, at)
    this.#isPgs = isPgs
  }

  #fillHead(chunk: Buffer, at: number): number {
    const copied = chunk.copy(this.#head, this.#headSize, at)
    const next = at + copied
    this.#headSize += copied
    const isWhole = this.#headSize === headSize
    if (isWhole) {
      this.#headSize = 0
      const size = sizeAt(this.#head, 0)
      if (this.#isPgs) this.#owed = size - headSize
      else this.#startMessage(this.#head, size)
    }
    if (this.#isPgs) this.#pass(chunk.subarray(at, next))
    else if (isWhole && this.#message?.length === headSize) this.#handleMessage(this.#message)
    return next
  }

  // Room for all of it at once: to join its pieces again with each chunk takes a hundred times as long.
  #startMessage(begin: Buffer, size: number): void {
    this.#message = Buffer.allocUnsafe(size)
    this.#messageSize = begin.copy(this.#message)
  }

  #fill(message: Buffer, chunk: Buffer, at: number): number {
    const copied = chunk.copy(message, this.#messageSize, at)
    this.#messageSize += copied
    if (this.#messageSize === message.length) this.#handleMessage(message)
    return at + copied
  }

  #handleMessage(message: Buffer): void {
    this.#message = undefined
    const exchange = this.#exchange
    if (exchange === undefined) throw new Error('Expected an exchange for a message, got none')
    this.#handle(exchange, message[0]!, message, 0, message.length)
  }

  /** @returns whether the exchange is over */
  #handle(
    exchange: BytesExchange,
    type: number,
    bytes: Buffer,
    start: number,
    end: number,
  ): boolean {
    const at = start + headSize
    switch (type) {
      case letter.dataRow:
        exchange.dataRow(bytes, at)
        return false
      case letter.commandComplete:
        exchange.commandComplete(bytes, at, end)
        return false
      case letter.readyForQuery:
        this.#finish(exchange, bytes.subarray(start, end))
        return true
      case letter.parseComplete:
        exchange.parsed()
        return false
      case letter.rowDescription:
        exchange.rowDescription(bytes, at)
        return false
      case letter.noData:
        exchange.described([])
        return false
      case letter.errorResponse:
        exchange.failAtPart(serverError(bytes, at, end))
        return false
      case letter.emptyQuery:
        exchange.emptyQuery()
        return false
      case letter.copyIn:
        exchange.failAtPart(copyError())
        // A server that expects data ignores a Sync. Behind other messages it ends the connection by itself.
        if (exchange.isAtLastPart) this.#stream?.write(copyFailAndSync)
        return false
      // The server sends them at any time.
      case letter.notice:
      case letter.notification:
      case letter.parameterStatus:
        this.#pass(bytes.subarray(start, end))
        return false
      case letter.copyOut:
        exchange.failAtPart(copyError())
        return false
      case letter.bindComplete:
      case letter.closeComplete:
      case letter.parameterDescription:
      case letter.copyData:
      case letter.copyDone:
        return false
      default:
        throw new Error(`Expected a message of PostgreSQL, got the type 0x${type.toString(16)}`)
    }
  }

  #finish(exchange: BytesExchange, message: Buffer): void {
    // Inside, `pg` may begin with the next exchange.
    this.#exchange = undefined
    this.#pass(message)
    // Afterwards, or the transaction's status would be that of before.
    exchange.finish()
  }

  /** The bytes belong to a message of `pg` that comes in pieces. */
  #passOn(chunk: Buffer, at: number): number {
    const next = Math.min(at + this.#owed, chunk.length)
    this.#owed -= next - at
    this.#pass(at === 0 && next === chunk.length ? chunk : chunk.subarray(at, next))
    return next
  }

  #pass(bytes: Buffer): void {
    this.#toPg!(bytes)
  }

  #break(error: unknown): void {
    this.#isBroken = true
    this.#stream?.destroy(error instanceof Error ? error : new Error(String(error)))
  }
}

const letter = {
  parseComplete: 0x31,
  bindComplete: 0x32,
  closeComplete: 0x33,
  notification: 0x41,
  commandComplete: 0x43,
  dataRow: 0x44,
  errorResponse: 0x45,
  copyIn: 0x47,
  copyOut: 0x48,
  emptyQuery: 0x49,
  notice: 0x4e,
  parameterStatus: 0x53,
  rowDescription: 0x54,
  readyForQuery: 0x5a,
  copyDone: 0x63,
  copyData: 0x64,
  noData: 0x6e,
  parameterDescription: 0x74,
}

/** The size of the message that begins at `at`, with its type. */
function sizeAt(bytes: Buffer, at: number): number {
  const size = int32At(bytes, at + 1) + 1
  if (size < headSize || size > largestSize)
    throw new Error(`Expected a message of PostgreSQL, got one of ${size} bytes`)
  return size
}

const asynchronous: ReadonlySet<string> = new Set(['notice', 'notification', 'parameterStatus'])

// A listener of the application that throws would leave the parser of `pg` in the middle of a message.
function guardEmit(connection: Connection): void {
  const emit = connection.emit.bind(connection)
  connection.emit = (event: string, ...values: unknown[]) => {
    if (!asynchronous.has(event)) return emit(event, ...values)
    try {
      return emit(event, ...values)
    } catch (error) {
      throwLater(error)
      return true
    }
  }
}
