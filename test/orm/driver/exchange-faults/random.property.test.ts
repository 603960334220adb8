import { deepStrictEqual } from 'node:assert/strict'
import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { DataBridgeError, integer, type Session, table } from '../../../../orm/index.ts'
import { testDatabase } from '../../../support/database.ts'
import {
  asides,
  commitRollsBack,
  cut,
  fatal,
  type FaultAt,
  refusedStatement,
  reset,
  withheldStatement,
} from './faults.ts'
import { openDatabases, settled } from './stage.ts'

class Item extends table('items', { id: integer().primaryKey(), count: integer() }) {}

const stored = await testDatabase([Item])
const [stage] = await openDatabases(1, stored)

type Step =
  | { readonly do: 'add' | 'change' | 'delete'; readonly id: number; readonly count: number }
  | { readonly do: 'flush' | 'list' | 'commit' | 'rollback' }
  | { readonly do: 'transaction'; readonly fails: boolean; readonly steps: readonly Step[] }

type Rows = ReadonlyMap<number, number>

class Undone extends Error {}

/** Does to a session and to a Map the same. */
class Run {
  readonly #session: Session
  rows: Map<number, number>
  readonly #deleted = new Set<number>()

  constructor(session: Session, rows: Rows) {
    this.#session = session
    this.rows = new Map(rows)
  }

  async all(steps: readonly Step[]): Promise<void> {
    for (const step of steps) await this.#one(step)
  }

  async #one(step: Step): Promise<void> {
    if (step.do === 'add') await this.#add(step.id, step.count)
    if (step.do === 'change' || step.do === 'delete') await this.#change(step.do, step)
    if (step.do === 'flush') await this.#session.flush()
    if (step.do === 'list') await this.#list()
    if (step.do === 'transaction') await this.#transaction(step.steps, step.fails)
    if (step.do === 'commit') await this.#session.commit()
    if (step.do === 'rollback') await this.#session.rollback()
  }

  async #add(id: number, count: number): Promise<void> {
    if (this.rows.has(id)) return
    // A row is inserted before others are deleted, so its key has to be free.
    if (this.#deleted.has(id)) await this.#session.flush()
    this.#session.add(new Item({ id, count }))
    this.rows.set(id, count)
  }

  async #change(what: 'change' | 'delete', to: { id: number; count: number }): Promise<void> {
    const item = await this.#session.get(Item, to.id)
    deepStrictEqual(item?.count, this.rows.get(to.id))
    if (item === null) return
    if (what === 'change') {
      item.count = to.count
      this.rows.set(to.id, to.count)
    } else {
      this.#session.delete(item)
      this.rows.delete(to.id)
      this.#deleted.add(to.id)
    }
  }

  async #list(): Promise<void> {
    const items = await this.#session.find(Item).toList()
    deepStrictEqual(sorted(items.map(({ id, count }) => [id, count])), sorted(this.rows))
  }

  async #transaction(steps: readonly Step[], fails: boolean): Promise<void> {
    const before = new Map(this.rows)
    const work = this.#session.transaction(async () => {
      await this.all(steps)
      if (fails) throw new Undone()
    })
    await work.catch((error: unknown) => {
      if (!(error instanceof Undone)) throw error
      this.rows = before
    })
    this.#deleted.clear()
  }
}

const sorted = (rows: Iterable<readonly [number, number]>): Rows =>
  new Map([...rows].toSorted(([a], [b]) => a - b).map(([id, count]) => [id, count]))

async function storedRows(): Promise<Rows> {
  const rows = await stored.query<{ id: number; count: number }>('select id, count from items')
  return sorted(rows.map(({ id, count }) => [id, count]))
}

/** Does the steps in a session, and compares after each commit what it says with what is stored. */
async function play(steps: readonly Step[], mayLose: boolean): Promise<void> {
  const { database, proxy } = stage!
  await using session = database.session()
  let committed: Rows = new Map()
  let run = new Run(session, committed)
  for (const step of steps) {
    // A transaction that is not within another one commits all that the session has changed.
    const commits = step.do === 'commit' || (step.do === 'transaction' && !step.fails)
    const undoes = step.do === 'rollback' || (step.do === 'transaction' && step.fails)
    try {
      await run.all([step])
      // One that began with an earlier statement has undone only its own part.
      if (undoes) await session.rollback()
      if (commits) committed = sorted(run.rows)
      if (!commits && !undoes) continue
    } catch (error) {
      if (!(error instanceof DataBridgeError)) throw error
      await session.rollback()
      await settled(stage!)
      if (error.code === 'DATA_BRIDGE_ERR_COMMIT_UNKNOWN') {
        deepStrictEqual([commits, mayLose, proxy.hasSeenCommit], [true, true, true])
        const found = await storedRows()
        if (isDeepStrictEqual(found, sorted(run.rows))) committed = found
      }
    }
    await settled(stage!)
    deepStrictEqual(await storedRows(), committed)
    run = new Run(session, committed)
  }
  await session.rollback()
}

const kinds: Readonly<Record<string, readonly [FaultAt, boolean]>> = {
  'cut to the client': [cut('toClient'), true],
  'cut to the server': [cut('toServer'), true],
  'reset to the client': [reset('toClient'), true],
  FATAL: [fatal('57P01'), true],
  refused: [refusedStatement, false],
  withheld: [withheldStatement('42501'), false],
  conflicts: [withheldStatement('40001'), false],
  'rolls back': [commitRollsBack, false],
  asides: [asides, false],
}

const id = fc.integer({ min: 1, max: 4 })
const count = fc.integer({ min: 0, max: 9 })

const change = fc.record({
  do: fc.constantFrom<('add' | 'change' | 'delete')[]>('add', 'add', 'change', 'delete'),
  id,
  count,
})
const look = fc.record({ do: fc.constantFrom<('flush' | 'list')[]>('flush', 'list') })
const end = fc.record({
  do: fc.constantFrom<('commit' | 'rollback')[]>('commit', 'commit', 'rollback'),
})
const simple = fc.oneof<fc.Arbitrary<Step>[]>(change, change, change, look)

const transactionOf = (steps: fc.Arbitrary<Step>): fc.Arbitrary<Step> =>
  fc.record({
    do: fc.constant('transaction' as const),
    fails: fc.boolean(),
    steps: fc.array(steps, { maxLength: 4 }),
  })

const savepoint = transactionOf(simple)
const transaction = transactionOf(fc.oneof(simple, simple, savepoint))
const job = fc.array(fc.oneof<fc.Arbitrary<Step>[]>(simple, simple, simple, end, transaction), {
  minLength: 2,
  maxLength: 14,
})

it('whatever a session does, and whatever happens to it: what it says is stored is stored, and nothing else', async () => {
  let fired = 0
  await fc.assert(
    fc.asyncProperty(
      job,
      fc.constantFrom(...Object.keys(kinds)),
      fc.integer({ min: 1, max: 40 }),
      fc.option(fc.integer({ min: 1, max: 9 })),
      async (given, kind, n, pieceSize) => {
        const { proxy } = stage!
        const [faultAt, mayLose] = kinds[kind]!
        const fault = faultAt(n)
        await stored.truncate()
        proxy.pieceSize = pieceSize ?? undefined
        proxy.arm(fault)
        await play([...given, { do: 'commit' }], mayLose)
        proxy.disarm()
        if (fault.hasFired) fired += 1
      },
    ),
    { numRuns: 100, endOnFailure: true },
  )
  expect(fired).toBeGreaterThan(30)
})
