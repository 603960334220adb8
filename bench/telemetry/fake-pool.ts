import { EventEmitter } from 'node:events'
import pg, { type Connection, type Pool, type Submittable } from 'pg'

/** A query of one who uses `pg` directly. */
interface Query {
  readonly values: readonly string[]
}

/** An exchange of the library, as `pg` sees it. */
interface Exchange extends Submittable {
  readonly values: readonly string[]
  handleRowDescription(message: { readonly fields: readonly object[] }): void
  handleDataRow(message: { readonly fields: readonly (string | null)[] }): void
  handleCommandComplete(message: { readonly text: string }): void
  handleReadyForQuery(connection: Connection): void
}

const processId = 1
const rest = ['Ada', 'ada@example.com', null, '36', 't', '2026-01-02 03:04:05.678+00']
const columns = [23, 25, 25, 25, 23, 16, 1184].map((dataTypeID) => ({ dataTypeID }))

/** A socket that only keeps what was written last. */
class FakeStream {
  readonly writable = true
  written: Buffer = Buffer.alloc(0)

  write(bytes: Buffer): void {
    this.written = bytes
  }
}

class FakeConnection extends EventEmitter {
  readonly stream = new FakeStream()
}

// Replaces the method below the one that an instrumentation wraps, where a statement would go to the socket.
function answerAtOnce(this: FakeClient, query: Exchange | Query): Exchange | Promise<object> {
  if ('submit' in query) return this.answer(query)
  const rows = [[query.values[0], ...rest]]
  return Promise.resolve({ rows, rowCount: 1, command: 'SELECT' })
}

/** Whether one of the messages is Describe. */
function asksForColumns(bytes: Buffer): boolean {
  for (let at = 0; at < bytes.length; at += 1 + bytes.readInt32BE(at + 1))
    if (bytes[at] === 0x44) return true
  return false
}

class FakeClient extends pg.Client {
  readonly processID = processId
  override connection: Connection = new FakeConnection() as unknown as Connection

  override getTransactionStatus(): 'I' {
    return 'I'
  }

  release(): void {}

  answer(exchange: Exchange): Exchange {
    const connection = this.connection as unknown as FakeConnection
    exchange.submit(this.connection)
    queueMicrotask(() => {
      const [key] = exchange.values
      if (asksForColumns(connection.stream.written))
        exchange.handleRowDescription({ fields: key === undefined ? columns.slice(0, 1) : columns })
      exchange.handleDataRow({ fields: key === undefined ? [String(processId)] : [key, ...rest] })
      exchange.handleCommandComplete({ text: 'SELECT 1' })
      exchange.handleReadyForQuery(this.connection)
      connection.emit('readyForQuery', { status: 'I' })
    })
    return exchange
  }
}

/**
 * A pool with one connection inside the process. Every query gets the row of its key at once. All clients of
 * `pg` in this process behave like this.
 */
export function fakePool(): Pool {
  Object.assign(pg.Client.prototype, { query: answerAtOnce })
  const options = { host: '127.0.0.1', port: 5432, user: 'bench', database: 'bench', max: 1 }
  const client = new FakeClient(options)
  const pool = {
    options,
    totalCount: 1,
    idleCount: 1,
    waitingCount: 0,
    connect: (done?: (error: undefined, client: FakeClient) => void) => {
      const connected = Promise.resolve(client)
      return done === undefined ? connected : void connected.then((it) => done(undefined, it))
    },
    on: () => pool,
    removeListener: () => pool,
  }
  return pool as unknown as Pool
}
