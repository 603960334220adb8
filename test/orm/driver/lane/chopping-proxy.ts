import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { setImmediate } from 'node:timers/promises'

/** A proxy that passes what the server sends on in pieces, each in a turn of its own. */
export async function choppingProxy(
  target: string,
  pieceSize: () => number,
): Promise<AsyncDisposable & { readonly url: string }> {
  const sockets = new Set<Socket>()
  const { hostname, port } = new URL(target)
  const server = createServer((client) => {
    const upstream = connect({ host: hostname, port: Number(port) })
    for (const socket of [client, upstream]) {
      sockets.add(socket)
      socket.setNoDelay(true)
      socket.on('error', () => {})
      socket.on('close', () => {
        client.destroy()
        upstream.destroy()
      })
    }
    client.on('data', (chunk: Buffer) => upstream.write(chunk))
    let passing = Promise.resolve()
    upstream.on('data', (chunk: Buffer) => {
      passing = passing.then(() => passOn(chunk, client))
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')

  async function passOn(chunk: Buffer, client: Socket): Promise<void> {
    for (let at = 0; at < chunk.length;) {
      const next = at + pieceSize()
      client.write(chunk.subarray(at, next))
      at = next
      await setImmediate()
    }
  }

  const url = new URL(target)
  url.host = `127.0.0.1:${(server.address() as AddressInfo).port}`
  return {
    url: url.href,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}
