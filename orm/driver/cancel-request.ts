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
 * Asks the server to cancel the statement that runs on a connection. The protocol needs a separate
 * connection for this request.
 *
 * @returns whether the server has closed that within the limit: it is done with the request then, and
 * where it has not, the request may still be on its way, and hit a later statement
 */
export async function sendCancelRequest(client: PoolClient, limitMs: number): Promise<boolean> {
  const { host, port, ssl, sslNegotiation, processID, secretKey } = client as unknown as Target
  if (processID === null || secretKey === null) return false
  const wire = new pg.Connection({ ssl, sslNegotiation } as never) as unknown as Wire
  const isEncrypted = ssl !== false && ssl !== undefined && ssl !== null
  const send = (): void => wire.cancel(processID, secretKey)
  return new Promise((resolve) => {
    const limit = setTimeout(() => {
      resolve(false)
      wire.stream.destroy()
    }, limitMs)
    wire.on('error', () => resolve(false))
    wire.on('end', () => resolve(true))
    wire.on('sslconnect', send)
    wire.on('connect', () => {
      if (!isEncrypted) send()
      else if (sslNegotiation !== 'direct') wire.requestSsl()
    })
    if (host.startsWith('/')) wire.connect(`${host}/.s.PGSQL.${port}`)
    else wire.connect(port, host)
    wire.once('end', () => clearTimeout(limit))
  })
}
