import { Socket } from 'node:net'
import { Framer } from './protocol-messages.ts'

/** What clients have sent to PostgreSQL. */
export interface Sent {
  /** Sync and Query messages: the server answers each one, so each is a round trip. */
  exchanges: number
  /** Calls of `write` that had messages in them. */
  writes: number
  /** The texts of the statements that were executed, BEGIN and COMMIT included. */
  readonly texts: string[]
  /** The format codes that each Bind message asks for: of all columns, of each one, or none for texts. */
  readonly formats: (readonly number[])[]
}

/** What clients of one application name send, from now on. */
export interface Watched extends Disposable {
  /** @returns what was sent since the last call */
  take(): Sent
}

/**
 * Reads what this process writes to PostgreSQL, also inside TLS, without the opening of connections.
 *
 * @param applicationName of the clients to watch: the others belong to somebody else
 */
export function watchClients(applicationName: string): Watched {
  const prototype = Socket.prototype as unknown as { write?: Write }
  const write = Socket.prototype.write as Write
  const readers = new WeakMap<Socket, ClientMessages>()
  let sent = nothing()
  prototype.write = function (this: Socket, ...given: unknown[]): boolean {
    const [chunk] = given
    if (chunk instanceof Uint8Array) {
      let reader = readers.get(this)
      if (reader === undefined) readers.set(this, (reader = new ClientMessages(applicationName)))
      reader.read(chunk, sent)
    }
    return write.apply(this, given)
  }
  return {
    take() {
      const taken = sent
      sent = nothing()
      return taken
    },
    [Symbol.dispose]: () => void delete prototype.write,
  }
}

type Write = (this: Socket, ...given: unknown[]) => boolean

const nothing = (): Sent => ({ exchanges: 0, writes: 0, texts: [], formats: [] })

/** The messages of one connection. */
class ClientMessages {
  readonly #applicationName: string
  readonly #texts = new Map<string, string>()
  #framer: Framer | undefined = new Framer(false)
  #isStarted = false
  #bound = ''

  constructor(applicationName: string) {
    this.#applicationName = applicationName
  }

  read(chunk: Uint8Array, sent: Sent): void {
    if (this.#framer === undefined) return
    const before = sent.exchanges
    let next = this.#framer.next(Buffer.from(chunk))
    while (next !== undefined) {
      if (this.#isStarted) this.#message(next.type, next.bytes, sent)
      else if (!this.#start(next.bytes)) return
      next = this.#framer.next()
    }
    if (sent.exchanges > before) sent.writes += 1
  }

  /** @returns whether to read on */
  #start(bytes: Buffer): boolean {
    const isStart = bytes.readInt32BE(4) === 0x3_0000
    const words = bytes.toString('utf8', 8).split('\0')
    if (!isStart || words[words.indexOf('application_name') + 1] !== this.#applicationName) {
      // Of another protocol, of another client, or what asks for TLS: that goes on in a socket of its own.
      this.#framer = undefined
      return false
    }
    this.#isStarted = true
    this.#framer?.started()
    return true
  }

  #message(type: string, bytes: Buffer, sent: Sent): void {
    const [first = '', second = ''] = bytes.toString('utf8', 5).split('\0', 2)
    if (type === 'P') this.#texts.set(first, second)
    if (type === 'B') {
      this.#bound = this.#texts.get(second) ?? ''
      const at = 7 + Buffer.byteLength(first) + Buffer.byteLength(second)
      sent.formats.push(resultFormats(bytes, at))
    }
    if (type === 'E') sent.texts.push(this.#bound)
    if (type === 'Q') sent.texts.push(first)
    if (type === 'Q' || type === 'S') sent.exchanges += 1
  }
}

/** @param at where the formats of the parameters are in a Bind message */
function resultFormats(bytes: Buffer, at: number): readonly number[] {
  let next = at + 2 + 2 * bytes.readInt16BE(at)
  const parameters = bytes.readUInt16BE(next)
  next += 2
  for (let index = 0; index < parameters; index += 1)
    next += 4 + Math.max(bytes.readInt32BE(next), 0)
  const count = bytes.readInt16BE(next)
  return Array.from({ length: count }, (_, index) => bytes.readInt16BE(next + 2 + 2 * index))
}
