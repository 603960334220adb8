import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeEach, describe, expect, it } from 'vitest'
import { type AnyEntityClass, Database, type Session, sql } from '../../orm/index.ts'
import { testDatabase } from '../support/database.ts'
import { user, User } from '../support/entities.ts'
import { recordWire } from '../support/recorder.ts'
import { examplesIn } from './examples.ts'

interface Job {
  readonly id: number
  readonly payload: Readonly<Record<string, string>>
}

type Handler = (session: Session, job: Job) => Promise<void>

interface Worker {
  start(): void
  wake(): void
  stop(): Promise<void>
}

interface Recipe {
  readonly Job: AnyEntityClass
  readonly JobWorker: new (
    database: Database,
    handlers: Readonly<Record<string, Handler>>,
    log: { error(facts: object, message: string): void },
    options?: {
      readonly pauseMs?: number
      readonly attempts?: number
      readonly delayMs?: (failures: number) => number
    },
  ) => Worker
  enqueue(
    session: Session,
    worker: Worker,
    kind: string,
    payload: Readonly<Record<string, string>>,
  ): void
}

// The example of the document, as it is. Below test/, where the package finds itself by its name.
const folder = mkdtempSync(join(import.meta.dirname, '.job-queue-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
const file = 'docs/transactions.md'
const document = readFileSync(new URL(`../../${file}`, import.meta.url), 'utf8')
const recipes = examplesIn(file, document).filter(({ code }) => code.includes('class JobWorker'))
writeFileSync(join(folder, 'jobs.ts'), recipes[0]?.code ?? '')
const { Job, JobWorker, enqueue } = (await import(join(folder, 'jobs.ts'))) as Recipe

const stored = await testDatabase([User, Job])
const { database, query, url } = stored
beforeEach(stored.truncate)

const jobs = () =>
  query<{ failures: number; lastError: string | null; isOver: boolean }>(
    `select failures, last_error as "lastError", run_at is null as "isOver" from jobs order by id`,
  )
const names = async () =>
  (await query<{ name: string }>('select name from users')).map(({ name }) => name)

const add = (worker: Worker, kind: string, ...given: readonly string[]): Promise<void> =>
  database.run((session) => {
    for (const name of given) enqueue(session, worker, kind, { name })
  })

const log = { error: (): void => {} }

/** Never looks by itself while a test runs. */
const never = 3_600_000
const atOnce = { pauseMs: never, delayMs: () => 0 }

/** What a handler saves: names are unique by their mail, so a job that is done twice fails. */
const register: Handler = async (session, { payload: { name = '' } }) => {
  session.add(user(name))
}

describe('the queue of docs/transactions.md', () => {
  it('does each of 200 jobs once with two workers, which share them', async () => {
    await using other = new Database({ connectionString: url, max: 2 })
    const done: [number, string][] = []
    const [first, second] = [database, other].map((each, index) => {
      const handle: Handler = async (session, job) => {
        await register(session, job)
        await session.flush()
        await session.execute(sql`select pg_sleep(0.001)`)
        done.push([index, job.payload['name'] ?? ''])
      }
      return new JobWorker(each, { register: handle }, log, { pauseMs: 10 })
    }) as [Worker, Worker]
    const expected = Array.from({ length: 200 }, (_, index) => `u${index}`)
    await add(first, 'register', ...expected)
    first.start()
    second.start()
    await expect.poll(jobs, { timeout: 20_000 }).toEqual([])
    await Promise.all([first.stop(), second.stop()])
    expect(done.map(([, name]) => name).toSorted()).toEqual(expected.toSorted())
    expect((await names()).toSorted()).toEqual(expected.toSorted())
    expect(new Set(done.map(([index]) => index))).toEqual(new Set([0, 1]))
  })

  it('adds no job of a transaction that is rolled back, and wakes nobody', async () => {
    await using wire = recordWire(url)
    const worker = new JobWorker(wire.database, { register }, log, atOnce)
    worker.start()
    await expect.poll(() => wire.texts.at(-1)).toBe('commit')
    wire.clear()
    const failing = database.run((session) => {
      enqueue(session, worker, 'register', { name: 'ann' })
      throw new Error('on purpose')
    })
    await expect(failing).rejects.toThrow('on purpose')
    await worker.stop()
    expect(await jobs()).toEqual([])
    expect(wire.texts).toEqual([])
  })

  it('counts a failure, undoes what the handler wrote, and does the job again', async () => {
    let attempts = 0
    const flaky: Handler = async (session, job) => {
      await register(session, job)
      await session.flush()
      attempts += 1
      if (attempts < 3) await session.execute(sql`select 1 / 0`)
    }
    const worker = new JobWorker(database, { flaky }, log, atOnce)
    await add(worker, 'flaky', 'ann')
    worker.start()
    await expect.poll(jobs).toEqual([])
    await worker.stop()
    expect(attempts).toBe(3)
    expect(await names()).toEqual(['ann'])
  })

  it('gives up after its attempts, keeps the job and its error, and does the others', async () => {
    let attempts = 0
    const broken: Handler = async (session, job) => {
      await register(session, job)
      attempts += 1
      throw new Error('no paper')
    }
    const worker = new JobWorker(database, { broken, register }, log, { ...atOnce, attempts: 3 })
    await add(worker, 'broken', 'ann')
    await add(worker, 'register', 'bob')
    await add(worker, 'unknown', 'cid')
    worker.start()
    await expect.poll(jobs).toEqual([
      { failures: 3, lastError: 'no paper', isOver: true },
      { failures: 3, lastError: 'no handler for unknown', isOver: true },
    ])
    await worker.stop()
    expect(attempts).toBe(3)
    expect(await names()).toEqual(['bob'])
  })

  it('leaves a failed job alone until its time has come', async () => {
    let attempts = 0
    const broken: Handler = async () => {
      attempts += 1
      throw new Error('not yet')
    }
    await using wire = recordWire(url)
    const options = { pauseMs: never, delayMs: () => never }
    const worker = new JobWorker(wire.database, { broken }, log, options)
    await add(worker, 'broken', 'ann')
    worker.start()
    await expect.poll(jobs).toEqual([{ failures: 1, lastError: 'not yet', isOver: false }])
    await worker.stop()
    expect(attempts).toBe(1)
  })

  it('gives the job back where the connection of its worker dies, without a failure', async () => {
    await using dying = new Database({ connectionString: url, max: 1, application_name: 'dying' })
    const died = Promise.withResolvers<void>()
    const dies: Handler = async (session, job) => {
      await register(session, job)
      await session.flush()
      await query(
        `select pg_terminate_backend(pid, 5000) from pg_stat_activity
         where application_name = 'dying' and datname = current_database()`,
      )
      died.resolve()
    }
    const first = new JobWorker(dying, { register: dies }, log, atOnce)
    await add(first, 'register', 'ann')
    first.start()
    await died.promise
    await first.stop()
    expect(await jobs()).toEqual([{ failures: 0, lastError: null, isOver: false }])
    expect(await names()).toEqual([])
    const second = new JobWorker(database, { register }, log, atOnce)
    second.start()
    await expect.poll(jobs).toEqual([])
    await second.stop()
    expect(await names()).toEqual(['ann'])
  })

  it('asks once more than there are jobs, then sleeps until it is woken, and stops at once', async () => {
    await using wire = recordWire(url)
    const worker = new JobWorker(wire.database, { register }, log, atOnce)
    const asked = () => wire.texts.filter((text) => text.startsWith('select')).length
    await add(worker, 'register', 'a', 'b', 'c')
    worker.start()
    await expect.poll(jobs).toEqual([])
    await expect.poll(() => wire.database.usage.idle).toBe(wire.database.usage.total)
    await expect.poll(asked).toBe(4)
    await add(worker, 'register', 'd')
    await expect.poll(asked).toBe(6)
    await worker.stop()
    expect(asked()).toBe(6)
    expect((await names()).toSorted()).toEqual(['a', 'b', 'c', 'd'])
  })
})
