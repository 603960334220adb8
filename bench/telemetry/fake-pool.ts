import pg, { type Pool } from 'pg'

const rest = ['Ada', 'ada@example.com', null, '36', 't', '2026-01-02 03:04:05.678+00']

// Replaces the method below the one that an instrumentation wraps, where a statement would go to the socket.
function answerAtOnce(query: { readonly values: readonly string[] }): Promise<object> {
  const rows = [[String(query.values[0]), ...rest]]
  return Promise.resolve({ rows, rowCount: 1, command: 'SELECT' })
}

class FakeClient extends pg.Client {
  override getTransactionStatus(): 'I' {
    return 'I'
  }

  release(): void {}
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
    idleCount: 0,
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
