import { describe, expect, it } from 'vitest'
import {
  and,
  type Condition,
  count,
  hasMany,
  integer,
  not,
  or,
  type Query,
  sql,
  table,
} from '../../../orm/index.ts'
import { tableOf } from '../../../orm/schema/table-of.ts'
import { parametersOf } from '../../../orm/sql/bind-sink.ts'
import { noDefaults } from '../../../orm/sql/defaults.ts'
import type { Sink, SqlNode } from '../../../orm/sql/node.ts'
import { callWithRefs } from '../../../orm/sql/refs.ts'
import { rowsWhere, Select, selectStatement } from '../../../orm/sql/select.ts'
import { rootSource } from '../../../orm/sql/source.ts'
import { render, StatementCache } from '../../../orm/sql/statement.ts'
import { testDatabase } from '../../support/database.ts'
import { coded } from '../../support/failure.ts'

class Thing extends table('things', {
  id: integer().primaryKey(),
  parentId: integer().nullable(),
  children: () => hasMany(Thing, 'parentId'),
}) {}

type Row = Parameters<Parameters<Query<typeof Thing>['orderBy']>[0]>[0]

const { database, query } = await testDatabase([Thing])
await query('insert into things (id) select generate_series(1, 10)')

const source = rootSource(tableOf(Thing))
const built = (build: (row: Row) => unknown) => callWithRefs(source, build, 'a test') as Condition
const ids = (n: number) => Array.from({ length: n }, (_, index) => index + 1)
const tooDeep = coded('DATA_BRIDGE_ERR_INVALID_VALUE', 'at most 1000 levels')

function balanced(conditions: readonly Condition[]): Condition {
  const [only] = conditions
  if (conditions.length === 1 && only !== undefined) return only
  const middle = conditions.length >> 1
  return or(balanced(conditions.slice(0, middle)), balanced(conditions.slice(middle)))
}

/** All that a walk does. */
class CountingSink implements Sink {
  calls = 0
  text = (): void => void (this.calls += 1)
  parameter = (): void => void (this.calls += 1)
  column = (): void => void (this.calls += 1)
  reads = (): void => void (this.calls += 1)
  joined = (): void => void (this.calls += 1)
  named = (): void => void (this.calls += 1)
  requires = (): void => void (this.calls += 1)
  defaultsFor = () => noDefaults
  scope = (_: unknown, write: (from: () => void) => void): void => {
    this.calls += 1
    write(() => {})
  }
}

function workOf(node: SqlNode): number {
  const sink = new CountingSink()
  node.write(sink)
  return sink.calls + node.shape.length
}

/** Bytes that are in use while what was made is held. */
function heldBy(make: () => unknown): number {
  const before = process.memoryUsage().heapUsed
  const made = make()
  const after = process.memoryUsage().heapUsed
  expect(made).toBeDefined()
  return after - before
}

const shapes: readonly [string, (row: Row, n: number) => Condition][] = [
  [
    'or from the left',
    (row, n) =>
      ids(n)
        .map((id) => row.id.eq(id))
        .reduce((a, b) => or(a, b)),
  ],
  [
    'or from the right',
    (row, n) =>
      ids(n)
        .map((id) => row.id.eq(id))
        .reduce((a, b) => or(b, a)),
  ],
  ['or, balanced', (row, n) => balanced(ids(n).map((id) => row.id.eq(id)))],
  [
    'and from the left',
    (row, n) =>
      ids(n)
        .map((id) => row.id.ne(-id))
        .reduce((a, b) => and(a, b)),
  ],
  [
    'and from the right',
    (row, n) =>
      ids(n)
        .map((id) => row.id.ne(-id))
        .reduce((a, b) => and(b, a)),
  ],
  ['not of not', (row, n) => ids(n).reduce<Condition>((all) => not(not(all)), row.id.gt(0))],
  [
    'templates of templates',
    (row, n) =>
      sql`${row.id} in (${ids(n)
        .map((id) => sql`${id}`)
        .reduce((a, b) => sql`${a}, ${b}`)})`,
  ],
  [
    'alternating and, or within the levels that PostgreSQL takes',
    (row, n) =>
      ids(n / 20).reduce<Condition>(
        (all, id) => (id % 2 === 0 ? or(all, row.id.eq(id)) : and(all, row.id.gt(0))),
        row.id.gt(0),
      ),
  ],
]

describe.each(shapes)('%s', (_, build) => {
  it('takes work and memory that grow with what is in it', () => {
    const make = (n: number) => () => built((row) => build(row, n))
    expect(workOf(make(20_000)())).toBeLessThan(2.3 * workOf(make(10_000)()))
    // With its shape and its text. Copies of all below at each level would take gigabytes.
    const held = heldBy(() => {
      const condition = make(20_000)()
      return [condition, condition.shape, render(condition), parametersOf(condition)]
    })
    expect(held).toBeLessThan(100_000_000)
  })

  it('finds the rows', async () => {
    await using session = database.session()
    const found = session.find(Thing).filter((row) => build(row, 20_000))
    expect(await found.count()).toBe(10)
  })
})

it('20,000 chained filters are one list', async () => {
  await using session = database.session()
  let things = session.find(Thing)
  for (let time = 0; time < 20_000; time += 1) things = things.filter((row) => row.id.ne(-time))
  expect(await things.count()).toBe(10)
})

describe('more than 1,000 levels are refused', () => {
  it.each<[string, (row: Row) => unknown]>([
    [
      'of and, or',
      (row) =>
        ids(20_000).reduce<Condition>(
          (all, id) => (id % 2 === 0 ? or(all, row.id.eq(1)) : and(all, row.id.eq(2))),
          row.id.gt(0),
        ),
    ],
    [
      'of not, and',
      (row) => ids(20_000).reduce<Condition>((all) => not(and(all, row.id.eq(2))), row.id.gt(0)),
    ],
    [
      'of relations',
      (row) => {
        const any = (thing: Row, left: number): Condition =>
          thing.children.any((child) => (left === 0 ? child.id.gt(0) : any(child, left - 1)))
        return any(row, 101)
      },
    ],
    [
      'of counts',
      (row) => {
        const counted = (thing: Row, left: number): Condition =>
          thing.children
            .count((child) => (left === 0 ? child.id.gt(0) : counted(child, left - 1)))
            .gt(0)
        return counted(row, 101)
      },
    ],
    [
      'of templates and conditions',
      (row) =>
        ids(20_000).reduce<Condition>((all) => and(row.id.gt(0), sql`(${all})`), row.id.gt(0)),
    ],
    [
      'of templates and comparisons',
      (row) => ids(20_000).reduce<Condition>((all) => row.id.eq(sql`(${all})::int`), row.id.gt(0)),
    ],
    ['of calls', (row) => ids(20_000).reduce<unknown>((all) => count(all as never), row.id)],
  ])('%s', (_, build) => {
    expect(() => built(build)).toThrow(tooDeep)
  })
})

it('a hundred sub-queries within each other are answered', async () => {
  const any = (thing: Row, left: number): Condition =>
    thing.children.any((child) => (left === 0 ? child.id.gt(0) : any(child, left - 1)))
  await using session = database.session()
  const found = session.find(Thing)
  expect(await found.filter((row) => not(any(row, 98))).count()).toBe(10)
})

describe('the parameters of a statement', () => {
  const among = (n: number) => async () => {
    await using session = database.session()
    return await session
      .find(Thing)
      .filter((row) => or(...ids(n).map((id) => row.id.eq(id))))
      .count()
  }

  it('may be as many as the protocol can count', async () => {
    expect(await among(65_535)()).toBe(10)
  })

  it('are refused where they are more, cold and warm, and the next query goes on', async () => {
    for (let time = 0; time < 2; time += 1)
      await expect(among(65_536)()).rejects.toThrow(
        coded('DATA_BRIDGE_ERR_INVALID_VALUE', 'at most 65535 values'),
      )
    expect(await among(3)()).toBe(3)
  })

  it('that are many make texts of which none is kept', () => {
    const where = built((row) => or(...ids(6000).map((id) => row.id.eq(id))))
    for (let time = 0; time < 3; time += 1)
      expect(
        selectStatement(new Select(rowsWhere(source, noDefaults, where, []))).name,
      ).toBeUndefined()
  })

  it('of texts of middle size only the newest are kept', () => {
    const cache = new StatementCache()
    const text = (shape: number) => `select ${shape} ${'x'.repeat(15_000)}`
    const use = (shape: number) =>
      cache.get(`${shape}`, () => ({ text: text(shape), kind: 'read', summary: '', tables: [] }))
    for (const shape of ids(200)) use(shape)
    expect(use(1).name).toBeUndefined()
    expect(use(200).name).toBeDefined()
  })
})
