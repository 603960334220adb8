import { randomBytes } from 'node:crypto'
import pg from 'pg'
import { startPostgres } from '../../plugin/testing/index.ts'
import { load, reset, written } from './data.ts'

/** The database of a run: filled once, restored after each round that writes. */
export class BenchDatabase implements AsyncDisposable {
  readonly url: string
  readonly version: string
  readonly #client: pg.Client
  readonly #drop: () => Promise<void>

  private constructor(url: string, version: string, client: pg.Client, drop: () => Promise<void>) {
    this.url = url
    this.version = version
    this.#client = client
    this.#drop = drop
  }

  /** Makes a new database on the server of `DATABASE_URL`. By default, it starts a server. */
  static async create(serverUrl = process.env['DATABASE_URL']): Promise<BenchDatabase> {
    await using started = new AsyncDisposableStack()
    const server = serverUrl ?? started.use(await startPostgres()).url
    const name = `bench_peers_${randomBytes(4).toString('hex')}`
    await onServer(server, (client) => client.query(`create database ${name}`))
    started.defer(() =>
      onServer(server, (client) => client.query(`drop database ${name} with (force)`)),
    )
    const url = new URL(server)
    url.pathname = `/${name}`
    const client = new pg.Client({ connectionString: url.href })
    await client.connect()
    started.defer(() => client.end())
    for (const statement of load) await client.query(statement)
    const { rows } = await client.query<{ server_version: string }>('show server_version')
    const everything = started.move()
    return new BenchDatabase(url.href, rows[0]?.server_version ?? 'unknown', client, () =>
      everything.disposeAsync(),
    )
  }

  /** Undoes what workloads have written. */
  async reset(): Promise<void> {
    for (const statement of reset) await this.#client.query(statement)
  }

  /** What workloads have written, for a comparison. */
  async written(): Promise<unknown> {
    return (await this.#client.query<object>(written)).rows[0]
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#drop()
  }
}

async function onServer(url: string, work: (client: pg.Client) => Promise<unknown>): Promise<void> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    await work(client)
  } finally {
    await client.end()
  }
}
