import { once } from 'node:events'
import { createServer, connect, type AddressInfo, type Server, type Socket } from 'node:net'
import { type Direction, Framer, type Message, Statements } from './protocol-messages.ts'

/** What happens to the messages of a proxy, once it is armed with it. */
export interface Fault {
  readonly hasFired: boolean
  /** The message at which it has fired, for the reports of tests. */
  readonly place?: string | undefined
  /** Called in place of passing the message on. Not for those of the start of a connection. */
  meet(message: Message, link: Link): void
  /** Called before a request to cancel a statement is passed on. */
  cancelled?(): void
}

const codes = { cancel: 80_877_102, tls: 80_877_103, gssapi: 80_877_104 }

/** One connection through the proxy. */
export class Link {
  readonly #ends: Readonly<Record<Direction, Socket>>
  readonly #framers: Readonly<Record<Direction, Framer>> = {
    toServer: new Framer(false),
    toClient: new Framer(true),
  }
  readonly #statements = new Statements()
  readonly #proxy: ProtocolProxy
  readonly #pieces: Buffer[] = []
  #isSending = false
  #held: (() => void)[] | undefined
  #phase: 'start' | 'ready' | 'cancel' = 'start'
  #isDead = false

  constructor(client: Socket, server: Socket, proxy: ProtocolProxy) {
    this.#ends = { toServer: server, toClient: client }
    this.#proxy = proxy
    this.#pump(client, 'toServer')
    this.#pump(server, 'toClient')
  }

  get isClosed(): boolean {
    return this.#ends.toClient.destroyed
  }

  get isSilent(): boolean {
    return this.#isDead
  }

  get isCancelRequest(): boolean {
    return this.#phase === 'cancel'
  }

  pass({ direction, bytes }: Message): void {
    this.send(direction, bytes)
  }

  send(direction: Direction, bytes: Buffer): void {
    if (this.#isDead) return
    const { pieceSize } = this.#proxy
    if (direction === 'toServer') this.#ends.toServer.write(bytes)
    // Behind pieces that still wait, nothing overtakes.
    else if (pieceSize === undefined && !this.#isSending) this.#ends.toClient.write(bytes)
    else this.#sendPieces(bytes, pieceSize ?? bytes.length)
  }

  /** Ends both sides: with FIN, or with RST. Nothing is passed on any more. */
  cut(how: 'fin' | 'rst' = 'fin'): void {
    this.silence()
    for (const socket of Object.values(this.#ends)) {
      if (how === 'rst') socket.resetAndDestroy()
      else socket.end()
    }
  }

  /** A black hole: nothing is passed on any more, and both sides stay open. */
  silence(): void {
    this.#isDead = true
  }

  /** Keeps what comes, in both directions, until {@link resume}. */
  hold(): void {
    this.#held ??= []
  }

  resume(): void {
    const held = this.#held ?? []
    this.#held = undefined
    for (const go of held) go()
  }

  destroy(): void {
    for (const socket of Object.values(this.#ends)) socket.destroy()
  }

  #pump(source: Socket, direction: Direction): void {
    source.setNoDelay(true)
    source.on('error', () => {})
    source.on('data', (chunk: Buffer) => this.#read(direction, chunk))
    source.on('close', () => {
      // No client hears through a black hole that the server has gone. A server learns it at last, by its keepalive.
      if (direction === 'toServer' || !this.#isDead) this.#ends[direction].end()
    })
  }

  #read(direction: Direction, chunk: Buffer): void {
    const framer = this.#framers[direction]
    for (let next = framer.next(chunk); next !== undefined; next = framer.next()) {
      const { type, bytes } = next
      if (type === '') this.#start(bytes)
      else this.#meet({ direction, type, bytes, runs: this.#runs(direction, type, bytes) })
    }
  }

  #runs(direction: Direction, type: string, bytes: Buffer): string | undefined {
    if (direction === 'toClient') return undefined
    const text = this.#statements.follow(type, bytes)
    if (text !== undefined && /\bcommit\b/i.test(text)) this.#proxy.hasSeenCommit = true
    return text
  }

  #start(bytes: Buffer): void {
    const code = bytes.readInt32BE(4)
    if (code === codes.tls || code === codes.gssapi) {
      this.#ends.toClient.write('N')
      return
    }
    this.#framers.toServer.started()
    if (code === codes.cancel) {
      this.#phase = 'cancel'
      this.#proxy.fault?.cancelled?.()
    }
    this.send('toServer', bytes)
  }

  #meet(message: Message): void {
    if (this.#isDead) return
    if (this.#held !== undefined) {
      this.#held.push(() => this.#meet(message))
      return
    }
    const { fault } = this.#proxy
    if (this.#phase === 'ready' && fault !== undefined) fault.meet(message, this)
    else this.pass(message)
    if (this.#phase === 'start' && message.direction === 'toClient' && message.type === 'Z')
      this.#phase = 'ready'
  }

  /** Each piece in a turn of its own, so that it is read by itself. */
  #sendPieces(bytes: Buffer, size: number): void {
    for (let start = 0; start < bytes.length; start += size)
      this.#pieces.push(bytes.subarray(start, start + size))
    if (!this.#isSending) this.#sendNextPiece()
  }

  #sendNextPiece(): void {
    const piece = this.#pieces.shift()
    this.#isSending = piece !== undefined && !this.#isDead
    if (piece === undefined || this.#isDead) return
    this.#ends.toClient.write(piece, () => setImmediate(() => this.#sendNextPiece()))
  }
}

/** A proxy in front of PostgreSQL that knows the messages of its protocol. It refuses TLS. */
export class ProtocolProxy implements AsyncDisposable {
  /** Of the same database, through the proxy. */
  readonly url: string
  readonly #server: Server
  readonly #links = new Set<Link>()
  #fault: Fault | undefined
  /** Whether a client has sent a COMMIT since the proxy was armed. */
  hasSeenCommit = false
  /** In how many bytes at once clients get their answers; undefined: as they come. */
  pieceSize: number | undefined

  private constructor(server: Server, target: URL) {
    this.#server = server
    const url = new URL(target)
    url.host = `127.0.0.1:${(server.address() as AddressInfo).port}`
    this.url = url.href
    server.on('connection', (client) => {
      const toServer = connect({ host: target.hostname, port: Number(target.port) })
      this.#links.add(new Link(client, toServer, this))
    })
  }

  static async to(url: string): Promise<ProtocolProxy> {
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    return new ProtocolProxy(server, new URL(url))
  }

  /** The connections that clients hold. */
  get open(): readonly Link[] {
    for (const link of this.#links) if (link.isClosed) this.#links.delete(link)
    return [...this.#links].filter((link) => !link.isCancelRequest)
  }

  get fault(): Fault | undefined {
    return this.#fault
  }

  /** From now on, until it is armed anew or disarmed. */
  arm(fault: Fault | undefined): void {
    this.#fault = fault
    this.hasSeenCommit = false
  }

  /** What is held goes on. What is silent is reset, as by a network that works again. */
  disarm(): void {
    this.#fault = undefined
    for (const link of this.#links) {
      if (link.isSilent) link.destroy()
      else link.resume()
    }
  }

  /** Ends every connection at once. */
  destroyAll(): void {
    for (const link of this.#links) link.destroy()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close()
    this.destroyAll()
    await once(this.#server, 'close')
  }
}
