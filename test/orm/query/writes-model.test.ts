import assert from 'node:assert/strict'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { stateOf } from '../../../orm/entity/entity-state.ts'
import {
  and,
  belongsTo,
  boolean,
  type Condition,
  hasMany,
  integer,
  not,
  or,
  type Refs,
  type Session,
  sql,
  table,
} from '../../../orm/index.ts'
import { testDatabase } from '../../support/database.ts'

class Owner extends table('owners', {
  id: integer().primaryKey(),
  rank: integer().nullable(),
  items: () => hasMany(Item, 'ownerId'),
}) {}

class Item extends table('items', {
  id: integer().primaryKey(),
  n: integer().nullable(),
  flag: boolean(),
  ownerId: integer()
    .nullable()
    .references(() => Owner, { onDelete: 'set null' }),
  version: integer().version(),
  owner: () => belongsTo(Owner, 'ownerId'),
}) {}

const { database, query } = await testDatabase([Owner, Item])

interface Row {
  readonly id: number
  readonly n: number | null
  readonly flag: boolean
  readonly ownerId: number | null
  readonly version: number
}

/** The table as it should be, and the ranks of the owners. */
interface Model {
  rows: ReadonlyMap<number, Row>
  ranks: ReadonlyMap<number, number | null>
}

// --- conditions, in SQL and in JavaScript: null is unknown

interface Test {
  readonly sql: (row: Refs<Item>) => Condition
  readonly holds: (row: Row, model: Model) => boolean | null
}

const rankOf = ({ ownerId }: Row, { ranks }: Model): number | null =>
  ownerId === null ? null : (ranks.get(ownerId) ?? null)

const above = (value: number | null, limit: number): boolean | null =>
  value === null ? null : value > limit

const small = fc.integer({ min: -2, max: 3 })

const simple: fc.Arbitrary<Test> = fc.oneof(
  small.map((n): Test => ({ sql: (row) => row.n.gt(n), holds: (row) => above(row.n, n) })),
  fc.constant<Test>({ sql: (row) => row.n.isNull(), holds: ({ n }) => n === null }),
  fc
    .boolean()
    .map((flag): Test => ({ sql: (row) => row.flag.eq(flag), holds: (row) => row.flag === flag })),
  fc
    .array(fc.integer({ min: 1, max: 8 }), { maxLength: 4 })
    .map((ids): Test => ({ sql: (row) => row.id.in(ids), holds: ({ id }) => ids.includes(id) })),
  small.map((n): Test => ({
    sql: (row) => row.owner.rank.gt(n),
    holds: (row, model) => above(rankOf(row, model), n),
  })),
  small.map((n): Test => ({
    sql: (row) => row.owner.has((owner) => owner.items.count().gt(n)),
    holds: ({ ownerId }, { rows }) =>
      ownerId !== null && [...rows.values()].filter((one) => one.ownerId === ownerId).length > n,
  })),
)

const both = (one: Test, other: Test): Test => ({
  sql: (row) => and(one.sql(row), other.sql(row)),
  holds: (row, model) => {
    const found = [one.holds(row, model), other.holds(row, model)]
    return found.includes(false) ? false : found.includes(null) ? null : true
  },
})

const either = (one: Test, other: Test): Test => ({
  sql: (row) => or(one.sql(row), other.sql(row)),
  holds: (row, model) => {
    const found = [one.holds(row, model), other.holds(row, model)]
    return found.includes(true) ? true : found.includes(null) ? null : false
  },
})

const opposite = (one: Test): Test => ({
  sql: (row) => not(one.sql(row)),
  holds: (row, model) => {
    const found = one.holds(row, model)
    return found === null ? null : !found
  },
})

const { test } = fc.letrec<{ test: Test }>((tie) => ({
  test: fc.oneof(
    { depthSize: 'small' },
    simple,
    fc.tuple(tie('test'), tie('test')).map(([one, other]) => both(one, other)),
    fc.tuple(tie('test'), tie('test')).map(([one, other]) => either(one, other)),
    tie('test').map(opposite),
  ),
}))

// --- changes

interface Change {
  readonly sql: (row: Refs<Item>) => object
  readonly of: (row: Row, model: Model) => Partial<Row>
}

const owner = fc.option(fc.integer({ min: 1, max: 3 }), { nil: null })

const change: fc.Arbitrary<Change> = fc.oneof(
  fc.option(small, { nil: null }).map((n): Change => ({ sql: () => ({ n }), of: () => ({ n }) })),
  small.map((by): Change => ({
    sql: (row) => ({ n: sql`${row.n} + ${by}` }),
    of: ({ n }) => ({ n: n === null ? null : n + by }),
  })),
  fc.constant<Change>({
    sql: (row) => ({ flag: sql`not ${row.flag}`, n: row.owner.rank }),
    of: (row, model) => ({ flag: !row.flag, n: rankOf(row, model) }),
  }),
  // The third may be gone.
  fc.constantFrom(null, 1, 2).map((ownerId): Change => ({
    sql: () => ({ ownerId }),
    of: () => ({ ownerId }),
  })),
)

// --- steps

type Step =
  | { readonly kind: 'load'; readonly test: Test; readonly limit: number | undefined }
  | { readonly kind: 'delete'; readonly test: Test; readonly limit: number | undefined }
  | {
      readonly kind: 'update'
      readonly test: Test
      readonly change: Change
      readonly limit: number | undefined
      readonly isReturning: boolean
    }
  | { readonly kind: 'set'; readonly id: number; readonly n: number }
  | { readonly kind: 'lists' }
  | { readonly kind: 'orphan' }
  | { readonly kind: 'undone'; readonly steps: readonly Step[] }

const limit = fc.option(fc.integer({ min: 0, max: 4 }), { nil: undefined, freq: 1 })

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ kind: fc.constant('load' as const), test, limit }),
  fc.record({ kind: fc.constant('delete' as const), test, limit }),
  fc.record({
    kind: fc.constant('update' as const),
    test,
    change,
    limit,
    isReturning: fc.boolean(),
  }),
  fc.record({ kind: fc.constant('set' as const), id: fc.integer({ min: 1, max: 8 }), n: small }),
  fc.constant<Step>({ kind: 'lists' }),
  fc.constant<Step>({ kind: 'orphan' }),
)

const steps = fc.array(
  fc.oneof(
    { weight: 6, arbitrary: step },
    {
      weight: 1,
      arbitrary: fc
        .array(step, { maxLength: 4 })
        .map((inner): Step => ({ kind: 'undone', steps: inner })),
    },
  ),
  { maxLength: 12 },
)

class Undone extends Error {}

/** A session and its model, side by side. */
class Run {
  readonly session: Session
  readonly model: Model
  readonly held = new Set<Item | Owner>()
  /** What the program has changed since the last flush. */
  pending = new Map<number, Partial<Row>>()

  constructor(session: Session, model: Model) {
    this.session = session
    this.model = model
  }

  async all(list: readonly Step[]): Promise<void> {
    for (const each of list) {
      await this.take(each)
      this.check()
    }
  }

  async take(each: Step): Promise<void> {
    if (each.kind === 'undone') return this.undone(each.steps)
    if (each.kind === 'set') return this.set(each.id, each.n)
    this.flushed()
    if (each.kind === 'lists') {
      await this.session.flush()
      for (const one of await this.session.find(Owner).toList()) {
        this.held.add(one)
        await one.items
      }
      return
    }
    if (each.kind === 'orphan') return this.orphan()
    const query = this.session.find(Item).filter(each.test.sql)
    const page =
      each.limit === undefined
        ? query
        : query.orderBy((row) => [row.n.asc().nullsLast(), row.id.desc()]).limit(each.limit)
    const ids = this.found(each.test, each.limit)
    if (each.kind === 'load') {
      const found = await page.toList()
      assert.deepEqual(sorted(found.map(({ id }) => id)), sorted(ids))
      for (const one of found) this.held.add(one)
      return
    }
    const rows = new Map(this.model.rows)
    if (each.kind === 'delete') {
      assert.equal(await page.delete(), ids.length)
      for (const id of ids) rows.delete(id)
    } else {
      for (const id of ids) {
        const row = rows.get(id) as Row
        const values = each.change.of(row, this.model)
        rows.set(id, { ...row, ...values, version: row.version + 1 })
      }
      if (each.isReturning) {
        const given = await page.update(each.change.sql, {
          returning: ({ id, n, flag, ownerId, version }) => ({ id, n, flag, ownerId, version }),
        })
        const expected = ids.map((id) => rows.get(id) as Row)
        if (each.limit === undefined) given.sort((one, other) => one.id - other.id)
        assert.deepEqual(given, expected)
      } else assert.equal(await page.update(each.change.sql), ids.length)
    }
    this.model.rows = rows
  }

  /** Deletes the third owner, whose items stay. */
  async orphan(): Promise<void> {
    await this.session.flush()
    const ranks = new Map(this.model.ranks)
    const count = ranks.delete(3) ? 1 : 0
    assert.equal(await this.session.find(Owner).filter({ id: 3 }).delete(), count)
    const rows = [...this.model.rows].map(([id, one]): [number, Row] => [
      id,
      one.ownerId === 3 ? { ...one, ownerId: null } : one,
    ])
    Object.assign(this.model, { rows: new Map(rows), ranks })
  }

  /** A savepoint that is rolled back. */
  async undone(list: readonly Step[]): Promise<void> {
    this.flushed()
    const before = { ...this.model }
    const nested = this.session.transaction(async () => {
      await this.all(list)
      throw new Undone()
    })
    await assert.rejects(nested, Undone)
    Object.assign(this.model, before)
    this.pending = new Map()
  }

  set(id: number, n: number): void {
    for (const one of this.held)
      if (one instanceof Item && isStored(one) && one.id === id) {
        one.n = n
        this.pending.set(id, { n })
      }
  }

  flushed(): void {
    const rows = new Map(this.model.rows)
    for (const [id, values] of this.pending) {
      const row = rows.get(id)
      if (row !== undefined && row.n !== values.n)
        rows.set(id, { ...row, ...values, version: row.version + 1 })
    }
    this.model.rows = rows
    this.pending.clear()
  }

  found(one: Test, most: number | undefined): readonly number[] {
    const all = [...this.model.rows.values()].filter((row) => one.holds(row, this.model) === true)
    if (most === undefined) return sorted(all.map(({ id }) => id))
    const key = ({ n }: Row): number => n ?? Infinity
    const inOrder = all.toSorted((a, b) => (key(a) === key(b) ? b.id - a.id : key(a) - key(b)))
    return inOrder.slice(0, most).map(({ id }) => id)
  }

  /** Every entity of the session has what its row has, beside what the program has changed. */
  check(): void {
    for (const one of this.held) {
      if (!isStored(one)) this.held.delete(one)
      else if (one instanceof Item) {
        const row = this.model.rows.get(one.id)
        const { id, n, flag, ownerId, version } = one
        assert.deepEqual({ id, n, flag, ownerId, version }, { ...row, ...this.pending.get(one.id) })
      } else if (one.items.isLoaded) {
        const ids = [...this.model.rows.values()].filter(({ ownerId }) => ownerId === one.id)
        assert.deepEqual(
          sorted(one.items.value.map(({ id }) => id)),
          ids.map(({ id }) => id),
        )
      }
    }
  }
}

function isStored(entity: Item | Owner): boolean {
  return stateOf(entity).lifecycle === 'stored'
}

function sorted(ids: readonly number[]): number[] {
  return ids.toSorted((one, other) => one - other)
}

const row = (id: number) =>
  fc.record({
    id: fc.constant(id),
    n: fc.option(small, { nil: null }),
    flag: fc.boolean(),
    ownerId: owner,
    version: fc.constant(1),
  })

it('leaves the table and every entity of the session as a table in memory', async () => {
  const start = fc.record({
    rows: fc.tuple(...[1, 2, 3, 4, 5, 6, 7].map(row)),
    ranks: fc.tuple(...[1, 2, 3].map(() => fc.option(small, { nil: null }))),
  })
  await fc.assert(
    fc.asyncProperty(start, steps, async ({ rows, ranks }, list) => {
      await query('with gone as (delete from items) delete from owners')
      const model: Model = {
        rows: new Map(rows.map((one) => [one.id, one])),
        ranks: new Map(ranks.map((rank, index) => [index + 1, rank])),
      }
      await database.run((session) => {
        session.add(ranks.map((rank, index) => new Owner({ id: index + 1, rank })))
        session.add(rows.map(({ id, n, flag, ownerId }) => new Item({ id, n, flag, ownerId })))
      })
      await database.run(async (session) => {
        const run = new Run(session, model)
        await run.all(list)
        run.flushed()
        await session.flush()
        run.check()
        for (const id of [1, 4, 7])
          expect((await session.get(Item, id))?.version).toBe(run.model.rows.get(id)?.version)
      })
      const stored = await query(
        'select id, n, flag, owner_id as "ownerId", version from items order by id',
      )
      expect(stored).toEqual([...model.rows.values()].toSorted((one, other) => one.id - other.id))
    }),
    { numRuns: 150 },
  )
})
