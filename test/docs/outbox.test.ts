import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { FastifyInstance } from 'fastify'
import { afterAll, beforeEach, describe, expect, it } from 'vitest'
import { type AnyEntityClass, Database } from '../../orm/index.ts'
import { serve, type Served } from '../plugin/serve.ts'
import { testDatabase } from '../support/database.ts'
import { User } from '../support/entities.ts'

interface Message {
  readonly id: number
  readonly body: { readonly email: string }
}

type Send = (message: Message) => Promise<void>

interface Worker {
  start(): void
  wake(): void
  stop(): Promise<void>
}

interface Recipe {
  readonly Message: AnyEntityClass
  readonly OutboxWorker: new (
    database: Database,
    send: Send,
    log: { error(facts: { readonly err: unknown }): void },
    pauseMs?: number,
  ) => Worker
  addRoutes(app: FastifyInstance, worker: Worker): void
}

// The first example of the document, as it is. Below test/, where the package finds itself by its name.
const folder = mkdtempSync(join(import.meta.dirname, '.outbox-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
const document = readFileSync(new URL('../../docs/outbox.md', import.meta.url), 'utf8')
const [, code = ''] = /```ts\n(.*?)\n```/s.exec(document) ?? []
writeFileSync(join(folder, 'outbox.ts'), code)
writeFileSync(join(folder, 'entities.ts'), `export * from '../../support/entities.ts'\n`)
const { Message, OutboxWorker, addRoutes } = (await import(join(folder, 'outbox.ts'))) as Recipe

const stored = await testDatabase([User, Message])
const { database, query, url } = stored
beforeEach(stored.truncate)

const waiting = async (): Promise<number> => (await query('select from outbox')).length

/** What the other system has received. */
const received: string[] = []
beforeEach(() => void received.splice(0))
const receive: Send = async ({ body }) => {
  await new Promise((resolve) => setImmediate(resolve))
  received.push(body.email)
}

const failures: unknown[] = []
const log = { error: ({ err }: { readonly err: unknown }): void => void failures.push(err) }
beforeEach(() => void failures.splice(0))

/** Never looks by itself while a test runs. */
const never = 3_600_000

const serving = (worker: Worker): Promise<Served> =>
  serve({ database }, (app) => {
    // An error of the test, after the rows were written.
    app.addHook('preSerialization', async ({ headers, session }) => {
      await session.flush()
      if (headers['x-fails'] !== undefined) throw new Error('boom')
    })
    addRoutes(app, worker)
  })

const create = async (served: Served, name: string, headers = {}): Promise<number> => {
  const body = JSON.stringify({ name, email: `${name}@example.com` })
  const type = { 'content-type': 'application/json' }
  const init = { method: 'POST', body, headers: { ...type, ...headers } }
  const response = await served.fetch('/users', init)
  await response.text()
  return response.status
}

describe('the outbox of docs/outbox.md', () => {
  it('sends a message without waiting for its pause: afterCommit() wakes the worker', async () => {
    const worker = new OutboxWorker(database, receive, log, never)
    worker.start()
    await using served = await serving(worker)
    expect(await create(served, 'ann')).toBe(201)
    await expect.poll(() => received).toEqual(['ann@example.com'])
    await expect.poll(waiting).toBe(0)
    await worker.stop()
  })

  it('sends each of 200 messages once with two workers, and none of a request that fails', async () => {
    await using other = new Database({ connectionString: url, max: 2 })
    const workers = [
      new OutboxWorker(database, receive, log, never),
      new OutboxWorker(other, receive, log, 20),
    ] as const
    for (const worker of workers) worker.start()
    await using served = await serving(workers[0])
    const expected: string[] = []
    const client = async (_: unknown, index: number): Promise<void> => {
      for (let n = index; n < 300; n += 10) {
        const fails = n % 3 === 0
        const status = await create(served, `u${n}`, fails ? { 'x-fails': '1' } : {})
        expect(status).toBe(fails ? 500 : 201)
        if (!fails) expected.push(`u${n}@example.com`)
      }
    }
    await Promise.all(Array.from({ length: 10 }, client))
    expect(expected).toHaveLength(200)
    await expect.poll(waiting).toBe(0)
    await Promise.all(workers.map((worker) => worker.stop()))
    expect(received.toSorted()).toEqual(expected.toSorted())
    expect(failures).toEqual([])
  })

  it('sends a message again where the worker dies between sending and COMMIT, with the same key', async () => {
    const sent: number[] = []
    await using dying = new Database({
      connectionString: url,
      max: 1,
      application_name: 'dying',
    })
    const died = Promise.withResolvers<void>()
    const first = new OutboxWorker(
      dying,
      async ({ id }) => {
        sent.push(id)
        await query(
          `select pg_terminate_backend(pid, 5000) from pg_stat_activity
           where application_name = 'dying' and datname = current_database()`,
        )
        died.resolve()
      },
      log,
      never,
    )
    await using served = await serving(first)
    await create(served, 'ann')
    first.start()
    await died.promise
    await first.stop()
    expect(await waiting()).toBe(1)
    const second = new OutboxWorker(database, async ({ id }) => void sent.push(id), log, never)
    second.start()
    await expect.poll(waiting).toBe(0)
    await second.stop()
    expect(sent).toEqual([sent[0], sent[0]])
    expect(failures).toHaveLength(1)
  })

  it('keeps a message whose receiver refuses it, and stops without waiting for the pause', async () => {
    let attempts = 0
    const refusing: Send = async () => {
      attempts += 1
      throw new Error('unavailable')
    }
    const worker = new OutboxWorker(database, refusing, log, 1)
    await using served = await serving(worker)
    await create(served, 'ann')
    worker.start()
    await expect.poll(() => attempts).toBeGreaterThan(2)
    await worker.stop()
    expect(await waiting()).toBe(1)
  })
})
