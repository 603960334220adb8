import type { Socket } from 'node:net'
import pg from 'pg'
import { Database, type DatabaseOptions, type SessionOptions } from '../../orm/index.ts'
import { openPool } from '../../orm/driver/open-pool.ts'
import { SessionConnection } from '../../orm/driver/session-connection.ts'
import { CombinedObserver } from '../../orm/observe/combined-observer.ts'
import type { Observer } from '../../orm/observe/observer.ts'
import type { Operation, Outcome } from '../../orm/observe/operation.ts'
import { StatementStats } from '../../orm/observe/stats.ts'
import { Catalogue } from '../../orm/flush/catalogue.ts'
import { PageTokens } from '../../orm/util/page-tokens.ts'
import { BaseSession } from '../../orm/session/session.ts'
import { SentMessages, type WireQuery } from './sent-messages.ts'

export type { WireQuery }

/** Every statement of a database, on real connections. */
export interface WireRecorder extends AsyncDisposable {
  readonly pool: pg.Pool
  readonly database: Database
  /** In the order in which they were sent, BEGIN and COMMIT included, without those of `lookUps`. */
  readonly queries: readonly WireQuery[]
  /** What the catalogue was asked, once for each table, and the savepoints around it. */
  readonly lookUps: readonly WireQuery[]
  /** Their texts. */
  readonly texts: readonly string[]
  /** Forgets what was recorded so far. */
  clear(): void
}

/** A database whose statements are recorded where `pg` writes them. */
export function recordWire(
  url: string,
  { tables, ...settings }: pg.PoolConfig & Pick<DatabaseOptions, 'tables'> = {},
): WireRecorder {
  const queries: WireQuery[] = []
  const lookUps: WireQuery[] = []
  const pool = new pg.Pool({ max: 4, ...settings, connectionString: url })
  pool.on('connect', (client) => {
    const { stream } = (client as unknown as { connection: { stream: Socket } }).connection
    const messages = new SentMessages((query) => {
      if (query.text === 'select pg_backend_pid()') return
      const isLookUp = /data_bridge_facts|from pg_attribute/.test(query.text)
      ;(isLookUp ? lookUps : queries).push(query)
    })
    const write = stream.write.bind(stream) as (...given: unknown[]) => boolean
    stream.write = (...given: unknown[]) => {
      messages.read(given[0] as Uint8Array)
      return write(...given)
    }
  })
  const database = new Database({ pool, ...(tables && { tables }) })
  return {
    pool,
    database,
    queries,
    lookUps,
    get texts() {
      return queries.map(({ text }) => text)
    },
    clear: () => void queries.splice(0),
    async [Symbol.asyncDispose]() {
      await database.close()
      await pool.end()
    },
  }
}

/** An operation, and how it ended; `outcome` is undefined while it is under way. */
export interface RecordedOperation {
  readonly operation: Operation
  outcome: Outcome | undefined
}

/** A statement as an observer sees it. */
export interface RecordedStatement {
  readonly text: string
  readonly summary: string
  readonly kind: 'read' | 'write' | 'control'
  readonly operation: Operation | undefined
  rows?: number
  error?: unknown
}

export interface SessionRecorder extends AsyncDisposable {
  readonly session: BaseSession
  readonly operations: readonly RecordedOperation[]
  readonly statements: readonly RecordedStatement[]
}

/** A session with an observer that records: the seam has no public way in yet. */
export function recordSession(url: string, options: SessionOptions = {}): SessionRecorder {
  const operations: RecordedOperation[] = []
  const statements: RecordedStatement[] = []
  const recorder: Observer = {
    operationStarted(operation) {
      const recorded: RecordedOperation = { operation, outcome: undefined }
      operations.push(recorded)
      return (outcome) => void (recorded.outcome = outcome)
    },
    statementSent({ text, summary, kind, operation }) {
      const recorded: RecordedStatement = { text, summary, kind, operation }
      statements.push(recorded)
      return ({ rows, error }) =>
        void Object.assign(
          recorded,
          rows !== undefined && { rows },
          error !== undefined && { error },
        )
    },
  }
  const stats = new StatementStats()
  const observer = new CombinedObserver([stats, recorder])
  const pool = openPool(undefined, { connectionString: url, max: 1 }, {})
  const session = new BaseSession({
    connection: new SessionConnection(pool, observer, options),
    observer,
    stats,
    catalogue: new Catalogue(),
    pageTokens: new PageTokens([]),
    isReadOnly: options.readOnly === true,
    lazy: { mode: options.lazy ?? 'select', setBy: 'session' },
    opened: () => {},
    closed: () => pool.end(),
  })
  return { session, operations, statements, [Symbol.asyncDispose]: () => session.close() }
}
