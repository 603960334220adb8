/** A statement as it was sent to PostgreSQL. */
export interface WireQuery {
  readonly text: string
  readonly name: string | undefined
  /** Texts, null, or bytes of PostgreSQL's binary format. */
  readonly values: readonly (string | null | Uint8Array)[]
}

/** Reads the statements in what a client writes to one connection, also those that are already prepared. */
export class SentMessages {
  readonly #tell: (query: WireQuery) => void
  readonly #texts = new Map<string, string>()
  #rest: Buffer = Buffer.alloc(0)

  constructor(tell: (query: WireQuery) => void) {
    this.#tell = tell
  }

  read(chunk: Uint8Array): void {
    let bytes = Buffer.concat([this.#rest, chunk])
    while (bytes.length >= 5) {
      const size = bytes.readInt32BE(1) + 1
      if (bytes.length < size) break
      this.#message(String.fromCharCode(bytes[0] as number), bytes.subarray(5, size))
      bytes = bytes.subarray(size)
    }
    this.#rest = Buffer.from(bytes)
  }

  #message(type: string, body: Buffer): void {
    if (type === 'Q') this.#tell({ text: textAt(body, 0), name: undefined, values: [] })
    if (type === 'P') {
      const name = textAt(body, 0)
      this.#texts.set(name, textAt(body, Buffer.byteLength(name) + 1))
    }
    if (type === 'B') this.#bind(body)
  }

  #bind(body: Buffer): void {
    const portal = textAt(body, 0)
    const name = textAt(body, Buffer.byteLength(portal) + 1)
    let at = Buffer.byteLength(portal) + Buffer.byteLength(name) + 2
    const formats: number[] = []
    const formatCount = body.readInt16BE(at)
    for (let index = 0; index < formatCount; index += 1)
      formats.push(body.readInt16BE(at + 2 + 2 * index))
    at += 2 + 2 * formatCount
    const count = body.readUInt16BE(at)
    at += 2
    const values: (string | null | Uint8Array)[] = []
    for (let index = 0; index < count; index += 1) {
      const length = body.readInt32BE(at)
      at += 4
      if (length < 0) {
        values.push(null)
        continue
      }
      const value = Buffer.from(body.subarray(at, at + length))
      const format = formats.length === 1 ? formats[0] : formats[index]
      values.push(format === 1 ? value : value.toString())
      at += length
    }
    this.#tell({ text: this.#texts.get(name) ?? '', name: name || undefined, values })
  }
}

function textAt(body: Buffer, at: number): string {
  return body.toString('utf8', at, body.indexOf(0, at))
}
