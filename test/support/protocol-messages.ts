export type Direction = 'toServer' | 'toClient'

/** A message of PostgreSQL's protocol. */
export interface Message {
  readonly direction: Direction
  /** Its type byte. Empty for the first message of a connection, which has none. */
  readonly type: string
  /** All of it, with type and length. */
  readonly bytes: Buffer
  /** The text of the statement that it makes the server execute: of Query and Execute. */
  readonly runs: string | undefined
}

/** Cuts a stream into messages, however its chunks are cut. */
export class Framer {
  #rest: Buffer = Buffer.alloc(0)
  #hasTypes: boolean

  /** @param hasTypes false for a stream that begins with a message without a type byte */
  constructor(hasTypes: boolean) {
    this.#hasTypes = hasTypes
  }

  /** Every message from the second on has a type byte, once the start-up message has come. */
  started(): void {
    this.#hasTypes = true
  }

  /** The next complete message. */
  next(chunk: Buffer = Buffer.alloc(0)): Omit<Message, 'direction' | 'runs'> | undefined {
    this.#rest = Buffer.concat([this.#rest, chunk])
    const head = this.#hasTypes ? 1 : 0
    if (this.#rest.length < head + 4) return undefined
    const length = head + this.#rest.readInt32BE(head)
    if (this.#rest.length < length) return undefined
    const bytes = this.#rest.subarray(0, length)
    this.#rest = this.#rest.subarray(length)
    return { type: bytes.toString('latin1', 0, head), bytes }
  }
}

/** Knows what the statements and portals of a connection stand for. */
export class Statements {
  readonly #texts = new Map<string, string>()
  readonly #portals = new Map<string, string>()

  /** @returns the text that a message to the server makes it execute */
  follow(type: string, bytes: Buffer): string | undefined {
    const [first = '', second = ''] = bytes.toString('utf8', 5).split('\0', 2)
    if (type === 'P') this.#texts.set(first, second)
    if (type === 'B') this.#portals.set(first, this.#texts.get(second) ?? '')
    if (type === 'E') return this.#portals.get(first) ?? ''
    return type === 'Q' ? first : undefined
  }
}

export function message(type: string, body: Buffer | string = ''): Buffer {
  const content = Buffer.from(body as string)
  const head = Buffer.alloc(5)
  head.write(type, 'latin1')
  head.writeInt32BE(content.length + 4, 1)
  return Buffer.concat([head, content])
}

const fields = (severity: string, code: string, text: string): string =>
  `S${severity}\0V${severity}\0C${code}\0M${text}\0\0`

export const errorResponse = (code: string, severity: 'ERROR' | 'FATAL' = 'ERROR'): Buffer =>
  message('E', fields(severity, code, 'made by the proxy'))

export const noticeResponse: Buffer = message('N', fields('NOTICE', '00000', 'made by the proxy'))

export const notificationResponse: Buffer = message('A', '\0\0\0\x07channel\0payload\0')

export const parameterStatus: Buffer = message('S', 'made_by\0the proxy\0')

/** Parse of a statement that PostgreSQL refuses at once: it is answered by an error, and by nothing else. */
export const refusedParse: Buffer = message('P', "\0select 'x'::integer\0\0\0")

/** The same by the simple protocol. */
export const refusedQuery: Buffer = message('Q', "select 'x'::integer\0")

export const sync: Buffer = message('S')

/** ReadyForQuery of a transaction that has failed, in place of one that is open. */
export function failedStatus(ready: Buffer): Buffer {
  return ready.toString('latin1', 5) === 'T' ? message('Z', 'E') : ready
}

/** A Query or a Parse with another text. */
export function withText({ type, bytes }: Message, change: (text: string) => string): Buffer {
  const parts = bytes.toString('latin1', 5).split('\0')
  const index = type === 'P' ? 1 : 0
  parts[index] = change(parts[index] ?? '')
  return message(type, Buffer.from(parts.join('\0'), 'latin1'))
}
