import { once } from 'node:events'
import { createServer, connect, type AddressInfo, type Server, type Socket } from 'node:net'

export type Direction = 'toServer' | 'toClient'

/** `held` is passed on later, `dropped` never: a black hole, where nobody says that the other side is gone. */
type Flow = 'open' | 'held' | 'dropped'

type Passed = (wire: Wire) => void

interface Watch {
  readonly direction: Direction
  readonly text: string
  readonly act: Passed
  readonly seen: Passed
}

const both: readonly Direction[] = ['toServer', 'toClient']

/** One connection through the proxy. */
export class Wire {
  readonly #ends: Readonly<Record<Direction, Socket>>
  readonly #flow: Record<Direction, Flow>
  readonly #waiting: Record<Direction, (Buffer | null)[]> = { toServer: [], toClient: [] }

  constructor(client: Socket, server: Socket, flow: Flow) {
    this.#ends = { toServer: server, toClient: client }
    this.#flow = { toServer: flow, toClient: flow }
  }

  get isClosed(): boolean {
    return this.#ends.toServer.destroyed || this.#ends.toClient.destroyed
  }

  get isDropped(): boolean {
    return both.some((direction) => this.#flow[direction] === 'dropped')
  }

  /** Passes nothing on from now on, and says nothing. */
  drop(...directions: readonly Direction[]): void {
    for (const direction of directions.length === 0 ? both : directions)
      this.#flow[direction] = 'dropped'
  }

  /** Keeps what comes until {@link resume}. */
  hold(direction: Direction): void {
    this.#flow[direction] = 'held'
  }

  resume(direction: Direction): void {
    this.#flow[direction] = 'open'
    for (const chunk of this.#waiting[direction].splice(0)) this.pass(direction, chunk)
  }

  /** Ends both sides: with FIN, or with RST. */
  cut(how: 'fin' | 'rst' = 'rst'): void {
    this.drop()
    for (const socket of Object.values(this.#ends)) {
      if (how === 'rst') socket.resetAndDestroy()
      else socket.end()
    }
  }

  /** @param chunk null is the end */
  pass(direction: Direction, chunk: Buffer | null): void {
    const flow = this.#flow[direction]
    if (flow === 'held') this.#waiting[direction].push(chunk)
    if (flow !== 'open') return
    if (chunk === null) this.#ends[direction].end()
    else this.#ends[direction].write(chunk)
  }
}

/** A TCP proxy in front of PostgreSQL, which can do what networks do. */
export class WireProxy implements AsyncDisposable {
  /** Of the same database, through the proxy. */
  readonly url: string
  /** Every connection that was made, in that order. */
  readonly wires: Wire[] = []
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  readonly #watches = new Set<Watch>()
  #flowOfNew: Flow = 'open'
  #delayMs = 0

  private constructor(server: Server, target: URL) {
    this.#server = server
    const url = new URL(target)
    url.host = `127.0.0.1:${(server.address() as AddressInfo).port}`
    this.url = url.href
    server.on('connection', (client) => this.#join(client, target))
  }

  static async to(url: string): Promise<WireProxy> {
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    return new WireProxy(server, new URL(url))
  }

  get open(): readonly Wire[] {
    return this.wires.filter((wire) => !wire.isClosed)
  }

  /** Nothing comes through any more, on any connection; new ones are accepted, and say nothing. */
  blackHole(): void {
    this.swallowNew()
    for (const wire of this.wires) wire.drop()
  }

  /** New connections are accepted, and nothing comes through; those that there are go on. */
  swallowNew(): void {
    this.#flowOfNew = 'dropped'
  }

  /** New connections work again; those that were swallowed stay silent. */
  openNew(): void {
    this.#flowOfNew = 'open'
  }

  /** New connections work again; those that were swallowed are reset. */
  restore(): void {
    this.openNew()
    for (const wire of this.wires) if (wire.isDropped) wire.cut()
  }

  /** New connections are refused; those that there are go on. */
  refuseNew(): void {
    this.#server.close()
  }

  /** After {@link refuseNew}, new connections work again. */
  async acceptNew(): Promise<void> {
    this.#server.listen(Number(new URL(this.url).port), '127.0.0.1')
    await once(this.#server, 'listening')
  }

  /** How long everything takes from now on, in each direction. */
  delay(milliseconds: number): void {
    this.#delayMs = milliseconds
  }

  /**
   * Does something the next time that a text is to be passed on, and before it is: what is dropped,
   * held or cut then is not passed.
   *
   * @returns resolves with the connection, then
   */
  before(direction: Direction, text: string, act: Passed = () => {}): Promise<Wire> {
    return new Promise((seen) => this.#watches.add({ direction, text, act, seen }))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    this.#server.close()
    await once(this.#server, 'close')
  }

  #join(client: Socket, { hostname, port }: URL): void {
    const server = connect({ host: hostname, port: Number(port) })
    const wire = new Wire(client, server, this.#flowOfNew)
    this.wires.push(wire)
    this.#pump(wire, client, 'toServer')
    this.#pump(wire, server, 'toClient')
  }

  #pump(wire: Wire, source: Socket, direction: Direction): void {
    this.#sockets.add(source)
    source.setNoDelay(true)
    source.on('error', () => {})
    source.on('data', (chunk: Buffer) => this.#deliver(wire, direction, chunk))
    source.on('close', () => {
      this.#sockets.delete(source)
      this.#deliver(wire, direction, null)
    })
  }

  #deliver(wire: Wire, direction: Direction, chunk: Buffer | null): void {
    const pass = (): void => {
      this.#notice(wire, direction, chunk)
      wire.pass(direction, chunk)
    }
    if (this.#delayMs > 0) setTimeout(pass, this.#delayMs)
    else pass()
  }

  #notice(wire: Wire, direction: Direction, chunk: Buffer | null): void {
    if (chunk === null) return
    for (const watch of this.#watches) {
      if (watch.direction !== direction || !chunk.includes(watch.text)) continue
      this.#watches.delete(watch)
      watch.act(wire)
      watch.seen(wire)
    }
  }
}
