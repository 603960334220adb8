import { once } from 'node:events'
import { request as requestHttp } from 'node:http'
import { connect as connectHttp2 } from 'node:http2'
import { connect as connectTcp } from 'node:net'

/** A request whose client can leave at any time. */
export interface Client {
  /** The client is gone, without a word. */
  leave(): void
}

/** How a client speaks. */
export interface Protocol {
  readonly name: string
  readonly isHttp2: boolean
  request(port: number, path: string): Promise<Client>
}

const body = JSON.stringify({ name: 'ann' })

async function overTcp(port: number, text: string): Promise<Client> {
  const socket = connectTcp(port, '127.0.0.1')
  socket.on('error', () => {})
  await once(socket, 'connect')
  socket.write(text)
  return { leave: () => void socket.destroy() }
}

async function overHttp2(port: number, headers: object, payload?: string): Promise<Client> {
  const session = connectHttp2(`http://127.0.0.1:${port}`)
  session.on('error', () => {})
  const stream = session.request({ ...headers }, { endStream: payload === undefined })
  stream.on('error', () => {})
  if (payload !== undefined) stream.end(payload)
  await once(session, 'connect')
  return { leave: () => session.destroy() }
}

const json = { 'content-type': 'application/json', 'content-length': String(body.length) }
const post = (path: string): string =>
  [
    `POST ${path} HTTP/1.1`,
    'host: test',
    ...Object.entries(json).map((pair) => pair.join(': ')),
    '',
    body,
  ].join('\r\n')

export const protocols: readonly Protocol[] = [
  {
    name: 'GET over HTTP/1.1',
    isHttp2: false,
    request: (port, path) => overTcp(port, `GET ${path} HTTP/1.1\r\nhost: test\r\n\r\n`),
  },
  {
    name: 'POST with a body over HTTP/1.1',
    isHttp2: false,
    request: (port, path) => overTcp(port, post(path)),
  },
  {
    name: 'GET over HTTP/2',
    isHttp2: true,
    request: (port, path) => overHttp2(port, { ':path': path, ':method': 'GET' }),
  },
  {
    name: 'POST with a body over HTTP/2',
    isHttp2: true,
    request: (port, path) => overHttp2(port, { ':path': path, ':method': 'POST', ...json }, body),
  },
]

/** Two requests in one write: the second is answered after the first. */
export const pipelined = (port: number, first: string, second: string): Promise<Client> =>
  overTcp(
    port,
    [first, second].map((path) => `GET ${path} HTTP/1.1\r\nhost: test\r\n\r\n`).join(''),
  )

/** What a client has received, to its end. */
export interface Received {
  /** Undefined where there was no answer at all. */
  readonly status: number | undefined
  readonly headers: Readonly<Record<string, unknown>>
  readonly body: string
  readonly trailers: Readonly<Record<string, unknown>>
  /** Whether the response was complete, as far as its client can tell. */
  readonly isComplete: boolean
}

type Sent = { readonly path?: string; readonly method?: string; readonly isHttp2?: boolean }

/** Sends a request over a connection of its own, and waits for the end of its response, whatever that is. */
export const receive = (port: number, { isHttp2 = false, ...sent }: Sent = {}): Promise<Received> =>
  isHttp2 ? receiveHttp2(port, sent) : receiveHttp1(port, sent)

function receiveHttp1(
  port: number,
  { path = '/', method = 'GET' }: Omit<Sent, 'isHttp2'>,
): Promise<Received> {
  const { promise, resolve } = Promise.withResolvers<Received>()
  const sending = requestHttp({ port, path, method, host: '127.0.0.1', agent: false })
  sending.on('error', () =>
    resolve({ status: undefined, headers: {}, body: '', trailers: {}, isComplete: false }),
  )
  sending.on('response', (response) => {
    let body = ''
    response.on('data', (chunk: Buffer) => (body += chunk.toString()))
    response.on('error', () => {})
    response.on('close', () => {
      const { statusCode: status, headers, trailers, complete: isComplete } = response
      resolve({ status, headers, body, trailers, isComplete })
    })
  })
  sending.end()
  return promise
}

async function receiveHttp2(
  port: number,
  { path = '/', method = 'GET' }: Omit<Sent, 'isHttp2'>,
): Promise<Received> {
  const session = connectHttp2(`http://127.0.0.1:${port}`)
  session.on('error', () => {})
  const stream = session.request({ ':path': path, ':method': method })
  let [body, isComplete] = ['', false]
  let [headers, trailers]: [Record<string, unknown>, Record<string, unknown>] = [{}, {}]
  stream.on('error', () => {})
  stream.on('response', (received) => (headers = received))
  stream.on('trailers', (received) => (trailers = received))
  stream.on('data', (chunk: Buffer) => (body += chunk.toString()))
  stream.on('end', () => (isComplete = true))
  await new Promise((resolve) => stream.once('close', resolve))
  session.destroy()
  isComplete &&= stream.rstCode === 0
  return { status: headers[':status'] as number | undefined, headers, body, trailers, isComplete }
}

/** A client that leaves by closing its half of the connection, and would still read. */
export async function halfClosing(port: number, method: 'GET' | 'POST'): Promise<Client> {
  const socket = connectTcp({ port, host: '127.0.0.1', allowHalfOpen: true })
  socket.on('error', () => {})
  socket.resume()
  socket.on('end', () => socket.end())
  await once(socket, 'connect')
  socket.write(method === 'POST' ? post('/') : 'GET / HTTP/1.1\r\nhost: test\r\n\r\n')
  return { leave: () => void socket.end() }
}
