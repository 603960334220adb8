import { deepStrictEqual, rejects } from 'node:assert/strict'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import {
  DataBridgeError,
  integer,
  jsonb,
  type Session,
  table,
  text,
  timestamptz,
} from '../../../orm/index.ts'
import { testDatabase } from '../../support/database.ts'

class Item extends table('items', {
  id: integer().primaryKey(),
  name: text(),
  count: integer().nullable(),
  meta: jsonb<{ list: number[] }>().default({ list: [] }),
  at: timestamptz().nullable(),
}) {}

const { database, query, truncate } = await testDatabase([Item])

interface Row {
  name: string
  count: number | null
  meta: { list: number[] }
  at: Date | null
}

/** What the database should hold, as this session sees it. */
type Rows = Map<number, Row>

type Operation =
  | {
      readonly do: 'add' | 'delete' | 'rename' | 'push' | 'shift' | 'refresh'
      readonly id: number
      readonly value: number
    }
  | { readonly do: 'flush' | 'check' | 'commit' | 'rollback' }
  | {
      readonly do: 'transaction'
      readonly fails: boolean
      readonly addsAgain: boolean
      readonly body: readonly Operation[]
    }

class Undone extends Error {}

const columnsOf = ({ name, count, meta, at }: Row): Row =>
  structuredClone({ name, count, meta, at })

/** Does to a session and to a Map the same, and compares. */
class Run {
  readonly #session: Session
  #rows: Rows = new Map()
  #committed: Rows = new Map()
  /** The entities that were added, changed or deleted since each savepoint. */
  readonly #touched: Set<Item>[] = [new Set()]
  readonly #deleted = new Set<number>()

  constructor(session: Session) {
    this.#session = session
  }

  get committed(): Rows {
    return this.#committed
  }

  async all(operations: readonly Operation[], depth: number): Promise<void> {
    for (const operation of operations) await this.#one(operation, depth)
  }

  async #one(operation: Operation, depth: number): Promise<void> {
    switch (operation.do) {
      case 'add':
        return this.#add(operation.id, operation.value)
      case 'flush':
        await this.#session.flush()
        return this.#deleted.clear()
      case 'check':
        return this.check()
      case 'commit':
        return depth === 0 ? this.commit() : undefined
      case 'rollback':
        return depth === 0 ? this.#rollback() : undefined
      case 'transaction':
        return this.#transaction(operation, depth)
      case 'delete':
      case 'rename':
      case 'push':
      case 'shift':
      case 'refresh':
        return this.#change(operation.do, operation.id, operation.value)
    }
  }

  async #add(id: number, value: number): Promise<void> {
    if (this.#rows.has(id)) return
    // A row is inserted before others are deleted, so its key has to be free.
    if (this.#deleted.has(id)) await this.#session.flush()
    const item = new Item({ id, name: `added ${value}`, count: value % 2 === 0 ? value : null })
    this.#session.add(item)
    this.#note(item)
    this.#rows.set(id, columnsOf(item))
  }

  async #change(what: string, id: number, value: number): Promise<void> {
    const item = await this.#session.get(Item, id)
    deepStrictEqual(item === null, !this.#rows.has(id))
    if (item === null) return
    if (what === 'refresh') {
      await this.#session.flush()
      await this.#session.refresh(item)
    }
    deepStrictEqual(columnsOf(item), this.#rows.get(id))
    if (what === 'refresh' || what === 'look') return
    this.#note(item)
    if (what === 'delete') {
      this.#session.delete(item)
      this.#rows.delete(id)
      this.#deleted.add(id)
      return
    }
    if (what === 'rename') item.name = `renamed ${value}`
    if (what === 'push') item.meta.list.push(value)
    if (what === 'shift') item.at = new Date((item.at?.getTime() ?? 0) + value)
    this.#rows.set(id, columnsOf(item))
  }

  /** Every row is what it should be, as a query finds it. */
  async check(): Promise<void> {
    const found = await this.#session
      .find(Item)
      .orderBy((row) => row.id.asc())
      .toList()
    const rows = new Map(found.map((item) => [item.id, columnsOf(item)]))
    deepStrictEqual(rows, sorted(this.#rows))
    this.#deleted.clear()
  }

  async commit(): Promise<void> {
    await this.#session.commit()
    this.#committed = structuredClone(this.#rows)
    this.#settled()
  }

  async #rollback(): Promise<void> {
    await this.#session.rollback()
    this.#rows = structuredClone(this.#committed)
    this.#settled()
  }

  async #transaction(
    { body, fails, addsAgain }: Operation & { do: 'transaction' },
    depth: number,
  ): Promise<void> {
    const before = structuredClone(this.#rows)
    this.#touched.push(new Set())
    const work = this.#session.transaction(async () => {
      this.#deleted.clear()
      await this.all(body, depth + 1)
      if (fails) throw new Undone()
    })
    if (!fails) {
      await work
      const inner = this.#touched.pop() ?? []
      for (const item of inner) this.#note(item)
      return
    }
    await rejects(work, Undone)
    const undone = this.#touched.pop() ?? new Set()
    this.#rows = before
    this.#deleted.clear()
    if (addsAgain) this.#addAgain(undone)
    else for (const item of undone) await this.#change('look', item.id, 0)
  }

  /** What was undone is added again: the database has to become what the entities say. */
  #addAgain(undone: ReadonlySet<Item>): void {
    for (const [id, items] of Map.groupBy(undone, (item) => item.id)) {
      const [item] = items
      // Of several entities of one row only one may come back; which one is not our question.
      if (item === undefined || items.length > 1 || this.#isRefused(item)) continue
      this.#note(item)
      this.#rows.set(id, columnsOf(item))
    }
  }

  #isRefused(item: Item): boolean {
    try {
      this.#session.add(item)
      return false
    } catch (error) {
      if (error instanceof DataBridgeError && error.message.includes('another entity')) return true
      throw error
    }
  }

  #note(item: Item): void {
    this.#touched.at(-1)?.add(item)
  }

  #settled(): void {
    this.#touched.splice(0, this.#touched.length, new Set())
    this.#deleted.clear()
  }
}

function sorted(rows: Rows): Rows {
  return new Map([...rows].toSorted(([a], [b]) => a - b))
}

const id = fc.integer({ min: 1, max: 4 })
const value = fc.integer({ min: 1, max: 9 })

const { operations } = fc.letrec<{ operation: Operation; operations: Operation[] }>((tie) => ({
  operations: fc.array(tie('operation'), { maxLength: 14 }),
  operation: fc.oneof(
    { maxDepth: 3 },
    {
      weight: 8,
      arbitrary: fc.record({
        do: fc.constantFrom('add', 'add', 'delete', 'rename', 'push', 'shift', 'refresh'),
        id,
        value,
      }),
    },
    {
      weight: 3,
      arbitrary: fc.record({ do: fc.constantFrom('flush', 'check', 'commit', 'rollback') }),
    },
    {
      weight: 2,
      arbitrary: fc.record({
        do: fc.constant('transaction'),
        fails: fc.boolean(),
        addsAgain: fc.boolean(),
        body: tie('operations'),
      }),
    },
  ) as fc.Arbitrary<Operation>,
}))

it('whatever is added, changed, deleted, flushed, rolled back and nested: the database ends as a Map does', async () => {
  await fc.assert(
    fc.asyncProperty(operations, async (given) => {
      await truncate()
      const committed = await database.run(async (session) => {
        const run = new Run(session)
        await run.all(given, 0)
        await run.check()
        await run.commit()
        return run.committed
      })
      const stored = await query<Row & { id: number }>('select * from items order by id')
      expect(new Map(stored.map((row) => [row.id, columnsOf(row)]))).toEqual(sorted(committed))
    }),
    { numRuns: 100 },
  )
})
