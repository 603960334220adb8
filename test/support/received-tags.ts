import type { Socket } from 'node:net'
import type { ClientBase } from 'pg'

/** Tells the messages that the server sends to a client. */
export function hearMessages(client: ClientBase, tell: (type: string, body: Buffer) => void): void {
  const { stream } = (client as unknown as { connection: { stream: Socket } }).connection
  let rest: Buffer = Buffer.alloc(0)
  // Before the client, which may send the next statement at once.
  stream.prependListener('data', (chunk: Buffer) => {
    let bytes = Buffer.concat([rest, chunk])
    while (bytes.length >= 5 && bytes.length > bytes.readInt32BE(1)) {
      const size = bytes.readInt32BE(1) + 1
      tell(String.fromCharCode(bytes[0] as number), bytes.subarray(5, size))
      bytes = bytes.subarray(size)
    }
    rest = Buffer.from(bytes)
  })
}

/** Tells the command tags that the server sends to a client, without their counts. */
export function hearTags(client: ClientBase, tell: (tag: string) => void): void {
  hearMessages(client, (type, body) => {
    if (type === 'C')
      tell(/^[A-Z ]+[A-Z]/.exec(body.toString('latin1', 0, body.length - 1))?.[0] ?? '')
  })
}
