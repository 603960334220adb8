import type { Client, Connection } from 'pg'

/** A statement of an exchange. */
interface Sent {
  readonly text: string
  readonly parameters?: readonly unknown[]
}

/** How an exchange ended. */
export interface Ended {
  /** The command tags, of as many statements as PostgreSQL has run. */
  readonly commands: readonly string[]
  /** The rows of each of them, as texts. */
  readonly rows: readonly (readonly (readonly (string | null)[])[])[]
  readonly error: (Error & { readonly code?: string }) | undefined
}

type Messages = Connection & {
  parse(query: { name: string; text: string; types: [] }): void
  bind(query: { values: readonly unknown[] }): void
  execute(query: { portal: string; rows: number }): void
  sync(): void
}

/** Sends statements in one write with one Sync behind them: after an error PostgreSQL skips the rest. */
export function exchange(client: Client, statements: readonly Sent[]): Promise<Ended> {
  return new Promise((resolve) => {
    const commands: string[] = []
    const rows: (string | null)[][][] = [[]]
    let error: Ended['error']
    const sent = {
      submit(connection: Messages): void {
        connection.stream.cork()
        for (const { text, parameters = [] } of statements) {
          connection.parse({ name: '', text, types: [] })
          connection.bind({ values: parameters })
          connection.execute({ portal: '', rows: 0 })
        }
        connection.sync()
        connection.stream.uncork()
      },
      handleDataRow: ({ fields }: { fields: (string | null)[] }) => void rows.at(-1)?.push(fields),
      handleCommandComplete({ text }: { text: string }): void {
        commands.push(text)
        rows.push([])
      },
      handleError(failed: Error): void {
        error = failed
        // `pg` forgets a query that has failed, and tells it nothing of the end.
        client.connection.once('readyForQuery', () =>
          resolve({ commands, rows: rows.slice(0, -1), error }),
        )
      },
      handleReadyForQuery: () => resolve({ commands, rows: rows.slice(0, -1), error }),
    }
    client.query(sent as never)
  })
}

declare module 'pg' {
  interface Client {
    readonly connection: Connection
  }
}
