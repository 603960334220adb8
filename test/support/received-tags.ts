import type { Socket } from 'node:net'
import type { ClientBase } from 'pg'

/** Tells the command tags that the server sends to a client, without their counts. */
export function hearTags(client: ClientBase, tell: (tag: string) => void): void {
  const { stream } = (client as unknown as { connection: { stream: Socket } }).connection
  let rest: Buffer = Buffer.alloc(0)
  stream.on('data', (chunk: Buffer) => {
    let bytes = Buffer.concat([rest, chunk])
    while (bytes.length >= 5 && bytes.length > bytes.readInt32BE(1)) {
      const size = bytes.readInt32BE(1) + 1
      if (bytes[0] === 0x43)
        tell(/^[A-Z ]+[A-Z]/.exec(bytes.toString('latin1', 5, size - 1))?.[0] ?? '')
      bytes = bytes.subarray(size)
    }
    rest = Buffer.from(bytes)
  })
}
