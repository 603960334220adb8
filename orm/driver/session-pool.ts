import { EventEmitter } from 'node:events'
import pg, { type CustomTypesConfig, type Pool, type QueryResult } from 'pg'
import { DataBridgeError, describe } from '../errors.ts'
import { attempt } from '../util/attempt.ts'

/** What the rows of a statement are: objects with the values that `pg` parses, unless it says otherwise. */
export interface RowForm {
  readonly rowMode?: 'array' | undefined
  readonly types?: CustomTypesConfig | undefined
}

/** A statement that another library gives to `pg`. */
export interface ClientQuery extends RowForm {
  readonly text: string
  readonly values: readonly unknown[]
}

/** The result as `pg` gives it: several for several statements in one text. */
export type ClientResult = QueryResult | readonly QueryResult[]

/** Runs the statements of one client. */
export type RunQuery = (query: ClientQuery) => Promise<ClientResult>

/** A session in the shape of a pool of `pg`. @param client makes what runs the statements of a new client */
export function sessionPool(client: () => RunQuery): Pool {
  return new SessionPool(client) as unknown as Pool
}

type Callback = (error: unknown, result?: unknown, release?: () => void) => void

const nothing = (): void => {}

/** What the session calls a client of a pool: it begins and ends transactions of its own. */
class SessionClient extends EventEmitter {
  readonly escapeIdentifier = pg.escapeIdentifier
  readonly escapeLiteral = pg.escapeLiteral
  readonly getTypeParser = pg.types.getTypeParser
  readonly #run: RunQuery

  constructor(run: RunQuery) {
    super()
    this.#run = run
  }

  query(query: unknown, ...given: readonly unknown[]): unknown {
    if (isCursor(query)) throw cursorError()
    const running = attempt(() => this.#run(queryOf(query, given[0])))
    return answered(running, given.find(isCallback))
  }

  connect(callback?: Callback): unknown {
    return answered(Promise.resolve(this), callback)
  }

  /** The session gives the connection back, so there is nothing to do here. */
  release(): void {}

  end(callback?: Callback): unknown {
    return answered(Promise.resolve(), callback)
  }
}

/**
 * Drizzle takes a client for each transaction from what has `Pool` in the name of its class. Each client has its own
 * transactions then.
 */
class SessionPool extends EventEmitter {
  readonly Client = ControlClient
  readonly options = Object.freeze({ max: 1 })
  readonly totalCount = 1
  readonly idleCount = 0
  readonly waitingCount = 0
  readonly expiredCount = 0
  readonly ending = false
  readonly ended = false
  readonly #open: () => RunQuery
  readonly #client: SessionClient

  constructor(open: () => RunQuery) {
    super()
    this.#open = open
    this.#client = new SessionClient(open())
  }

  query(query: unknown, ...given: readonly unknown[]): unknown {
    return this.#client.query(query, ...given)
  }

  connect(callback?: Callback): unknown {
    const client = new SessionClient(this.#open())
    if (callback === undefined) return Promise.resolve(client)
    return process.nextTick(callback, undefined, client, nothing)
  }

  /** The session ends by itself, so there is nothing to do here. */
  end(callback?: Callback): unknown {
    return answered(Promise.resolve(), callback)
  }
}

/** Kysely sends its cancel requests through one. In the session's own queue, they would hit the next statement. */
class ControlClient {
  connect(): Promise<never> {
    return Promise.reject(
      new DataBridgeError(
        'DATA_BRIDGE_ERR_QUERY',
        'session.connection does not cancel single statements; give the session a signal, or use the time limits of the option timeouts',
      ),
    )
  }

  end(): void {}
}

function queryOf(query: unknown, values: unknown): ClientQuery {
  const given = typeof query === 'string' ? { text: query } : query
  // A name is left out: `pg` would not know what a pooler, or a reset of the connection, has forgotten.
  const { text, values: own, rowMode, types } = (given ?? {}) as Partial<ClientQuery>
  if (typeof text !== 'string') {
    throw new DataBridgeError(
      'DATA_BRIDGE_ERR_QUERY',
      `session.connection.query() expected a text of SQL, or an object with one as its text, got ${describe(query)}`,
    )
  }
  const all = Array.isArray(values) ? (values as unknown[]) : (own ?? [])
  return { text, values: all, ...(rowMode && { rowMode }), ...(types && { types }) }
}

function isCallback(value: unknown): value is Callback {
  return typeof value === 'function'
}

/** A promise, or the call of a callback. */
function answered(running: Promise<unknown>, callback: Callback | undefined): unknown {
  if (callback === undefined) return running
  // In a turn of its own: what a callback throws is not a rejection.
  running.then(
    (result) => process.nextTick(callback, null, result),
    (error: unknown) => process.nextTick(callback, error),
  )
  return undefined
}

/** `pg-cursor` and its like send their messages themselves. */
function isCursor(query: unknown): boolean {
  return typeof (query as { readonly submit?: unknown } | null)?.submit === 'function'
}

function cursorError(): DataBridgeError {
  return new DataBridgeError(
    'DATA_BRIDGE_ERR_QUERY',
    'session.connection.query() expected SQL, got a cursor or a stream, which sends its messages by itself; use session.find(…).stream()',
  )
}
