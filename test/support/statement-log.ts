import type { Socket } from 'node:net'
import pg from 'pg'
import { Database, type DatabaseOptions } from '../../orm/index.ts'
import { connect } from './database.ts'
import { hearMessages } from './received-tags.ts'
import { SentMessages } from './sent-messages.ts'

/**
 * Where the statements are read: `log` is the log of the server that the tests have started. Another server's log cannot
 * be read, so `answers` pairs what was sent with what the server says to have completed.
 */
export type LogSource = 'log' | 'answers'

/** A database, and what PostgreSQL says that it has executed for it. */
export interface StatementLog extends AsyncDisposable {
  readonly database: Database
  /**
   * The texts of the statements that PostgreSQL executed during some work, BEGIN and COMMIT included, in their order on
   * each connection. Leaves out what is asked once: for a connection, and the catalogue for each table.
   */
  statementsOf(work: () => Promise<unknown>): Promise<string[]>
}

const isAskedOnce = /pg_backend_pid\(\)|data_bridge_facts|from pg_attribute/

/** Reads what PostgreSQL executes on a database of its own: `await using log = await statementLog(url)`. */
export async function statementLog(
  url: string,
  options: Pick<DatabaseOptions, 'tables'> = {},
  source?: LogSource,
): Promise<StatementLog> {
  const wanted = source ?? ((await hasServerLog(url)) ? 'log' : 'answers')
  return wanted === 'log' ? serverLog(url, options) : answeredStatements(url, options)
}

/** Whether the log of the server can be read. */
export async function hasServerLog(url: string): Promise<boolean> {
  await using client = await connect(url)
  const { rows } = await client.query(`select current_setting('is_superuser') as "isSuperuser"`)
  if (rows[0].isSuperuser !== 'on') return false
  return (await sizeOfLog(client)) !== null
}

// `plugin/testing` has its server write there.
const path = `current_setting('data_directory') || '/../log'`

async function sizeOfLog(client: pg.Client): Promise<number | null> {
  const { rows } = await client.query(`select (pg_stat_file(${path}, true)).size::int as size`)
  return rows[0].size
}

async function serverLog(
  url: string,
  options: Pick<DatabaseOptions, 'tables'>,
): Promise<StatementLog> {
  const name = new URL(url).pathname.slice(1)
  const reader = await connect(url)
  // For connections that begin later.
  await reader.query(`alter database ${name} set log_statement = 'all'`)
  const database = new Database({ connectionString: url, max: 4, ...options })
  const pidsOf = async (): Promise<string[]> => {
    const { rows } = await reader.query(
      'select pid::text from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()',
    )
    return rows.map(({ pid }) => pid)
  }
  return {
    database,
    async statementsOf(work) {
      const [from, before] = [await sizeOfLog(reader), await pidsOf()]
      await work()
      // Connections of other files are not among them.
      const pids = new Set([...before, ...(await pidsOf())])
      const { rows } = await reader.query(`select pg_read_file(${path}, $1, 100000000) as log`, [
        from,
      ])
      return statementsIn(rows[0].log, pids)
    },
    async [Symbol.asyncDispose]() {
      await database.close()
      await reader.query(`alter database ${name} reset log_statement`)
      await reader.end()
    },
  }
}

const entry = /^\S+ \S+ \S+ \[(\d+)\] (\w+): {2}(.*(?:\n\t.*)*)$/gm
const executed = /^(?:execute [^:]+|statement): ([\s\S]*)$/

function statementsIn(log: string, pids: ReadonlySet<string>): string[] {
  return Array.from(log.matchAll(entry)).flatMap(([, pid = '', level, message = '']) => {
    const text = executed.exec(message)?.[1]
    if (level !== 'LOG' || text === undefined || !pids.has(pid) || isAskedOnce.test(text)) return []
    return [text.replaceAll('\n\t', '\n')]
  })
}

async function answeredStatements(
  url: string,
  options: Pick<DatabaseOptions, 'tables'>,
): Promise<StatementLog> {
  const completed: string[] = []
  const pool = new pg.Pool({ max: 4, connectionString: url })
  pool.on('connect', (client) => {
    const { stream } = (client as unknown as { connection: { stream: Socket } }).connection
    let sent: string[] = []
    const messages = new SentMessages(({ text }) => sent.push(text))
    const write = stream.write.bind(stream) as (...given: unknown[]) => boolean
    stream.write = (...given: unknown[]) => {
      messages.read(given[0] as Uint8Array)
      return write(...given)
    }
    hearMessages(client, (type) => {
      // After an error the server skips what was sent until it is ready for more.
      if (type === 'Z') sent = []
      const text = type === 'C' ? sent.shift() : undefined
      if (text !== undefined && !isAskedOnce.test(text)) completed.push(text)
    })
  })
  const database = new Database({ pool, ...options })
  return {
    database,
    async statementsOf(work) {
      completed.length = 0
      await work()
      return [...completed]
    },
    async [Symbol.asyncDispose]() {
      await database.close()
      await pool.end()
    },
  }
}
