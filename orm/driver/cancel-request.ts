import pg, { type PoolClient } from 'pg'

/** Properties of a `pg` client that its types leave out. */
interface Target {
  readonly host: string
  readonly port: number
  readonly ssl: unknown
  readonly sslNegotiation?: string
  readonly processID: number | null
  readonly secretKey: number | null
}

/** A connection of `pg` below its client. */
interface Wire extends NodeJS.EventEmitter {
  readonly stream: { destroy(): void }
  connect(portOrPath: number | string, host?: string): void
  requestSsl(): void
  cancel(processId: number, secretKey: number): void
}

/**
 * - `done`: the server has closed the connection of the request, and is done with it.
 * - `unsent`: nothing has reached the server.
 * - `unconfirmed`: the request may still be on its way, and hit a later statement.
 */
export type CancelOutcome = 'done' | 'unsent' | 'unconfirmed'

/**
 * Asks the server to cancel the statement that runs on a connection. The protocol needs a separate
 * connection for this request.
 *
 * @param isWanted asked when that connection is there: if it is not wanted by then, nothing is sent
 */
export async function sendCancelRequest(
  client: PoolClient,
  limitMs: number,
  isWanted: () => boolean,
): Promise<CancelOutcome> {
  const { host, port, ssl, sslNegotiation, processID, secretKey } = client as unknown as Target
  if (processID === null || secretKey === null) return 'unsent'
  const wire = new pg.Connection({ ssl, sslNegotiation } as never) as unknown as Wire
  const isEncrypted = ssl !== false && ssl !== undefined && ssl !== null
  let isSent = false
  return new Promise((resolve) => {
    const over = (): void => {
      clearTimeout(limit)
      resolve(isSent ? 'unconfirmed' : 'unsent')
      wire.stream.destroy()
    }
    const limit = setTimeout(over, limitMs)
    const send = (): void => {
      if (!isWanted()) return over()
      isSent = true
      wire.cancel(processID, secretKey)
    }
    wire.on('error', over)
    wire.on('end', () => {
      clearTimeout(limit)
      resolve(isSent ? 'done' : 'unsent')
    })
    wire.on('sslconnect', send)
    wire.on('connect', () => {
      if (!isEncrypted) send()
      else if (sslNegotiation !== 'direct') wire.requestSsl()
    })
    if (host.startsWith('/')) wire.connect(`${host}/.s.PGSQL.${port}`)
    else wire.connect(port, host)
  })
}
