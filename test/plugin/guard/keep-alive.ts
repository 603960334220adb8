import { once } from 'node:events'
import { connect } from 'node:net'

export interface Request {
  readonly method: 'GET' | 'POST'
  readonly path: string
  /** JSON. */
  readonly body?: string
}

export interface Answer {
  readonly status: number
  readonly body: string
}

/** A client with one connection, which takes one promise for a request: `fetch` takes dozens. */
export interface KeepAlive {
  ask(request: Request): Promise<Answer>
  close(): void
}

export async function dial(port: number): Promise<KeepAlive> {
  const socket = connect({ host: '127.0.0.1', port, noDelay: true })
  await once(socket, 'connect')
  let received = ''
  let answered: ((answer: Answer) => void) | undefined
  socket.setEncoding('latin1').on('data', (chunk) => {
    received += chunk
    const bodyAt = received.indexOf('\r\n\r\n') + 4
    const length = Number(/content-length: (\d+)/i.exec(received)?.[1])
    if (bodyAt < 4 || received.length < bodyAt + length) return
    const answer = { status: Number(received.slice(9, 12)), body: received.slice(bodyAt) }
    received = ''
    answered?.(answer)
  })
  return {
    ask({ method, path, body = '' }) {
      const type =
        body === '' ? '' : `content-type: application/json\r\ncontent-length: ${body.length}\r\n`
      return new Promise((resolve) => {
        answered = resolve
        socket.write(`${method} ${path} HTTP/1.1\r\nhost: localhost\r\n${type}\r\n${body}`)
      })
    },
    close: () => void socket.destroy(),
  }
}
