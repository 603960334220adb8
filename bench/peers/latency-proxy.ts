import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { DelayLine } from './delay-line.ts'

/** Timers of Node are exact to a millisecond. For what comes sooner, the event loop turns until it is due. */
const timerMs = 1.5

/** A TCP proxy that passes everything on after the same time, in both directions. */
export class LatencyProxy implements AsyncDisposable {
  readonly url: string
  /** Milliseconds each way, from now on. */
  delay = 0
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  readonly #line = new DelayLine<() => void>(() => this.delay)
  #isTurning = false

  private constructor(server: Server, target: URL) {
    this.#server = server
    const url = new URL(target)
    url.host = `127.0.0.1:${(server.address() as AddressInfo).port}`
    this.url = url.href
    server.on('connection', (client) => this.#join(client, target))
  }

  static async to(url: string): Promise<LatencyProxy> {
    const server = createServer({ allowHalfOpen: true }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    return new LatencyProxy(server, new URL(url))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    this.#server.close()
    await once(this.#server, 'close')
  }

  #join(client: Socket, { hostname, port }: URL): void {
    const server = connect({ host: hostname, port: Number(port || 5432), allowHalfOpen: true })
    this.#pump(client, server)
    this.#pump(server, client)
  }

  #pump(source: Socket, target: Socket): void {
    this.#sockets.add(source)
    source.setNoDelay(true)
    source.on('data', (chunk: Buffer) => this.#pass(() => target.write(chunk)))
    source.on('end', () => this.#pass(() => target.end()))
    // An error is followed by a close, which is all that the other side has to know.
    source.on('error', () => {})
    source.on('close', () => {
      this.#sockets.delete(source)
      if (!source.readableEnded) this.#pass(() => target.destroy())
    })
  }

  #pass(deliver: () => void): void {
    if (this.delay === 0 && this.#line.next === undefined) return deliver()
    this.#line.send(deliver, performance.now())
    if (!this.#isTurning) this.#turn()
  }

  #turn = (): void => {
    for (const deliver of this.#line.arrived(performance.now())) deliver()
    const { next } = this.#line
    this.#isTurning = next !== undefined
    if (next === undefined) return
    const left = next - performance.now()
    if (left > timerMs) setTimeout(this.#turn, left - timerMs)
    else setImmediate(this.#turn)
  }
}
