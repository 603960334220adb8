import { deepStrictEqual } from 'node:assert/strict'
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
  | { readonly do: 'nested'; readonly fails: boolean; readonly steps: readonly Step[] }

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
    if (step.do === 'nested') await this.#nested(step.steps, step.fails)
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

  async #nested(steps: readonly Step[], fails: boolean): Promise<void> {
    const before = new Map(this.rows)
    const work = this.#session.transaction(async () => {
      await this.all(steps)
      if (fails) throw new Undone()
    })
    await work.catch((error: unknown) => {
      if (!(error instanceof Undone)) throw error
      this.rows = before
    })
  }
}

const sorted = (rows: Iterable<readonly [number, number]>): Rows =>
  new Map([...rows].toSorted(([a], [b]) => a - b).map(([id, count]) => [id, count]))

async function storedRows(): Promise<Rows> {
  const rows = await stored.query<{ id: number; count: number }>('select id, count from items')
  return sorted(rows.map(({ id, count }) => [id, count]))
}

/** Does the steps up to each commit in a session, and compares what it says with what is stored. */
async function play(steps: readonly Step[], mayLose: boolean): Promise<void> {
  const { database, proxy } = stage!
  await using session = database.session()
  let committed: Rows = new Map()
  let run = new Run(session, committed)
  for (const step of steps) {
    const isCommit = step.do === 'commit'
    try {
      if (isCommit) await session.commit()
      else if (step.do === 'rollback') await session.rollback()
      else {
        await run.all([step])
        continue
      }
      if (isCommit) committed = sorted(run.rows)
    } catch (error) {
      if (!(error instanceof DataBridgeError)) throw error
      await session.rollback()
      if (error.code === 'DATA_BRIDGE_ERR_COMMIT_UNKNOWN') {
        deepStrictEqual([isCommit, mayLose, proxy.hasSeenCommit], [true, true, true])
        await settled(stage!)
        const found = await storedRows()
        // Either all of it, or nothing.
        if (found.size === run.rows.size) committed = match(found, [sorted(run.rows), committed])
        else deepStrictEqual(found, committed)
      }
    }
    await settled(stage!)
    deepStrictEqual(await storedRows(), committed)
    run = new Run(session, committed)
  }
  await session.rollback()
}

function match(found: Rows, candidates: readonly Rows[]): Rows {
  const texts = candidates.map((rows) => JSON.stringify([...rows]))
  expect(texts).toContain(JSON.stringify([...found]))
  return found
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

const { steps } = fc.letrec<{ step: Step; inner: Step; steps: Step[] }>((tie) => ({
  inner: fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({
        do: fc.constantFrom('add' as const, 'add' as const, 'change' as const, 'delete' as const),
        id,
        count,
      }),
    },
    { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('flush' as const, 'list' as const) }) },
  ),
  step: fc.oneof(
    { weight: 8, arbitrary: tie('inner') as fc.Arbitrary<Step> },
    {
      weight: 3,
      arbitrary: fc.record({
        do: fc.constantFrom('commit' as const, 'commit' as const, 'rollback' as const),
      }),
    },
    {
      weight: 1,
      arbitrary: fc.record({
        do: fc.constant('nested' as const),
        fails: fc.boolean(),
        steps: fc.array(tie('inner') as fc.Arbitrary<Step>, { maxLength: 4 }),
      }),
    },
  ),
  steps: fc.array(tie('step') as fc.Arbitrary<Step>, { minLength: 2, maxLength: 14 }),
}))

it('whatever a session does, and whatever happens to it: what it says is stored is stored, and nothing else', async () => {
  let fired = 0
  await fc.assert(
    fc.asyncProperty(
      steps,
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
    { numRuns: 150 },
  )
  expect(fired).toBeGreaterThan(50)
})
