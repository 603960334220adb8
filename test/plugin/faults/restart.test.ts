import { once } from 'node:events'
import { createServer, type AddressInfo } from 'node:net'
import { afterAll, describe, expect, it } from 'vitest'
import { Database } from '../../../orm/index.ts'
import { connect } from '../../support/database.ts'
import { blog, user } from '../../support/entities.ts'
import { RestartablePostgres, type Shutdown } from '../../support/restartable-postgres.ts'
import { expectIdle, names, serve, type Served } from '../serve.ts'

async function freePort(): Promise<number> {
  const server = createServer().listen({ host: '127.0.0.1', port: 0, exclusive: true })
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

/** What clients were told, by the name that they sent. */
class Ledger {
  readonly saved: string[] = []
  readonly failed: string[] = []
  readonly unknown: string[] = []
  readonly codes = new Set<string>()

  note(name: string, status: number, code: string): void {
    if (status === 200) {
      this.saved.push(name)
      return
    }
    this.codes.add(`${status} ${code}`)
    if (code === 'DATA_BRIDGE_ERR_COMMIT_UNKNOWN') this.unknown.push(name)
    else this.failed.push(name)
  }
}

/** A client that writes one after the other until it is told to stop. */
async function write(served: Served, client: number, ledger: Ledger, isOver: () => boolean) {
  for (let turn = 0; !isOver(); turn += 1) {
    const name = `client${client} turn${turn}`
    const response = await served.fetch(`/${name}`, { method: 'POST' })
    const { code = '' } = (await response.json()) as { code?: string }
    ledger.note(name, response.status, code)
  }
}

const postgres = await RestartablePostgres.create(await freePort())
afterAll(() => postgres[Symbol.asyncDispose]())

async function direct<R extends object>(text: string): Promise<R[]> {
  await using client = await connect(postgres.url)
  const { rows } = await client.query(text)
  return rows
}

describe('PostgreSQL that is restarted under load', () => {
  it.each<[string, Shutdown]>([
    ['in order', 'INT'],
    ['by a crash', 'QUIT'],
  ])('%s: what was acknowledged is there, and the application goes on', async (_how, shutdown) => {
    await postgres.start()
    await using setup = new Database({ connectionString: postgres.url, tables: blog })
    await setup.createSchema()
    await setup.close()
    const options = { connectionString: postgres.url, max: 4, timeouts: { acquire: 2000 } }
    await using served = await serve(options, (app) => {
      app.post<{ Params: { name: string } }>('/:name', async ({ session, params }) => {
        session.add(user(params.name))
        return { saved: params.name }
      })
    })
    const ledger = new Ledger()
    let isOver = false
    const clients = Array.from({ length: 8 }, (_, client) =>
      write(served, client, ledger, () => isOver),
    )
    await expect.poll(() => ledger.saved.length).toBeGreaterThan(40)
    await postgres.stop(shutdown)
    const { failed } = ledger
    const during = failed.length
    await expect.poll(() => failed.length).toBeGreaterThan(during + 8)
    await postgres.start()
    const after = ledger.saved.length
    await expect.poll(() => ledger.saved.length).toBeGreaterThan(after + 40)
    isOver = true
    await Promise.all(clients)

    const rows = new Set(await names(direct))
    expect(ledger.saved.filter((name) => !rows.has(name))).toEqual([])
    expect(failed.filter((name) => rows.has(name))).toEqual([])
    const { saved, unknown } = ledger
    expect(rows.size).toBe(saved.length + unknown.filter((name) => rows.has(name)).length)
    // Whoever was not served was told why, in a way that says whether to try again.
    const expected =
      /^503 DATA_BRIDGE_ERR_(UNREACHABLE|CONNECTION_LOST|POOL_EXHAUSTED)$|^500 DATA_BRIDGE_ERR_COMMIT_(FAILED|UNKNOWN)$/
    expect([...ledger.codes].filter((code) => !expected.test(code))).toEqual([])
    await expectIdle(served.app.dataBridge, direct)
    await served.app.close()
    await direct('drop schema public cascade; create schema public')
    await postgres.stop('INT')
  })
})
