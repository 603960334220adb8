import fc from 'fast-check'
import { expect, it } from 'vitest'
import { and, type Session } from '../../../orm/index.ts'
import { testDatabase } from '../../support/database.ts'
import { recordWire } from '../../support/recorder.ts'
import type { Kind } from '../sql/model/cells.ts'
import { comparison, conditionOf } from '../sql/model/conditions.ts'
import { type Both, call, Drawing, type Operand, type Refs } from '../sql/model/operands.ts'
import { entities, modelOf, randomWorld, type Row, store } from '../sql/model/tables.ts'
import { group, window } from './model/computed.ts'
import {
  among,
  combine,
  cte,
  distinct,
  filter,
  order,
  page,
  type Pipe,
  select,
} from './model/pipe.ts'

const { url, query, database } = await testDatabase()
await query(`create type mood as enum ('wild', 'calm', 'sad')`)
await database.createSchema(entities)

const tables = ['Person', 'Post', 'Tag', 'Place', 'Profile'] as const

/** The rows of a table. */
function ofTable(draw: Drawing): Pipe {
  const table = draw.pick(...tables)
  const scopes = [{ table }]
  const where = mostly(draw, () => conditionOf(draw, scopes, 3))
  const make = (inner: readonly { table: string }[]) => conditionOf(draw, inner, 2)
  const selected = {
    one: draw.column(scopes),
    two: draw.column(scopes),
    three: draw.chance(2) ? draw.count(scopes, make, and) : draw.column(scopes),
  }
  const query = call(find(draw, table), 'filter', (row: Refs) => where.write([row])) as Refs
  const envs = rowsOf(draw, table).map((row) => [row])
  return selecting(
    query,
    envs.filter((env) => where.holds(env) === true),
    selected,
  )
}

/** The rows of two tables that are joined. */
function ofJoin(draw: Drawing): Pipe {
  const [left, right] = [draw.pick(...tables), draw.pick(...tables)]
  const scopes = [{ table: left }, { table: right }]
  const [first, second] = [ofOne(draw, scopes, 0), ofOne(draw, scopes, 1)]
  const others = ofOne(draw, scopes, 1, first.kind)
  const on = comparison(draw, first, () => others)
  const inner = mostly(draw, () => conditionOf(draw, [{ table: right }], 1))
  const where = mostly(draw, () => conditionOf(draw, scopes, 2))
  const isLeft = draw.chance(2)
  const joined = call(find(draw, right), 'filter', (row: Refs) => inner.write([row]))
  const pairs = call(
    find(draw, left),
    isLeft ? 'leftJoin' : 'join',
    joined,
    (...refs: readonly Refs[]) => on.write(refs),
  ) as Refs
  const query = call(pairs, 'filter', (...refs: readonly Refs[]) => where.write(refs)) as Refs
  const rows = rowsOf(draw, right).filter((row) => inner.holds([row]) === true)
  const envs = rowsOf(draw, left).flatMap((row) => {
    const found = rows.filter((other) => on.holds([row, other]) === true)
    // Nothing is behind a row that is missing.
    const all = found.length === 0 && isLeft ? [missing] : found
    return all.map((other) => [row, other])
  })
  const selected = { one: first, two: second, three: draw.column(scopes) }
  return selecting(
    query,
    envs.filter((env) => where.holds(env) === true),
    selected,
  )
}

const missing: Row = {}

/** A condition, or often none: otherwise few rows would be left. */
function mostly(draw: Drawing, make: () => Both): Both {
  return draw.chance(3) ? make() : { write: () => and(), holds: () => true }
}

/** A column of one of the tables, and of none behind it. */
function ofOne(
  draw: Drawing,
  scopes: readonly { table: string }[],
  at: number,
  wanted?: Kind,
): Operand {
  const kinds = Object.entries(modelOf(scopes[at]?.table ?? '').kinds)
  const fitting = kinds.filter(([, kind]) => wanted === undefined || kind === wanted)
  const [name, kind] = draw.pick(...(fitting.length === 0 ? kinds : fitting))
  return {
    kind,
    write: (refs) => (refs[at] as Refs)[name] as Refs,
    read: (env) => env[at]?.[name] ?? null,
  }
}

function selecting(
  query: Refs,
  envs: readonly Row[][],
  selected: Readonly<Record<string, Operand>>,
): Pipe {
  const all = Object.entries(selected)
  return {
    query: call(query, 'select', (...refs: readonly Refs[]) =>
      Object.fromEntries(all.map(([name, { write }]) => [name, write(refs)])),
    ) as Refs,
    rows: envs.map((env) => Object.fromEntries(all.map(([name, { read }]) => [name, read(env)]))),
    kinds: Object.fromEntries(all.map(([name, { kind }]) => [name, kind])),
    isOrdered: false,
    isOfColumns: true,
  }
}

const find = (draw: Drawing, table: string): Refs => draw.find?.(table) as Refs
const rowsOf = ({ world }: Drawing, table: string): readonly Row[] => world[table] ?? []

const steps = { among, filter, order, page, distinct, cte, combine, select, group, window }

/** What is sent, and what is expected, in a form that is the same for equal values. */
const texts = (rows: readonly (readonly [unknown, Kind])[][]): string[] =>
  rows.map((row) =>
    row
      .map(([value, kind]) => {
        if (value === null) return 'null'
        if (value instanceof Date) return value.toISOString()
        return kind === 'numeric' ? String(Number(value)) : String(value)
      })
      .join(' | '),
  )

it('queries of queries give what the same steps give in JavaScript', async () => {
  await using wire = recordWire(url)
  let found = 0
  await fc.assert(
    fc.asyncProperty(fc.gen(), async (gen) => {
      const world = randomWorld(gen)
      await store(world, query)
      await using session: Session = wire.database.session()
      const draw = new Drawing(
        gen,
        world,
        (table) => session.find(modelOf(table).entity as never) as never,
      )
      for (let time = 0; time < 8; time += 1) {
        let pipe = draw.chance(3) ? ofJoin(draw) : ofTable(draw)
        for (let count = draw.pick(0, 1, 2, 3, 4, 5); count > 0; count -= 1)
          pipe = draw.pick(...Object.values(steps))(draw, pipe)
        const kinds = Object.entries(pipe.kinds)
        const expected = texts(
          pipe.rows.map((row) => kinds.map(([name, kind]) => [row[name]?.value ?? null, kind])),
        )
        wire.clear()
        const given = (await call(pipe.query, 'toList')) as Record<string, unknown>[]
        const rows = texts(given.map((row) => kinds.map(([name, kind]) => [row[name], kind])))
        const inOrder = (list: string[]) => (pipe.isOrdered ? list : list.toSorted())
        expect(inOrder(rows)).toEqual(inOrder(expected))
        expect(await call(pipe.query, 'count')).toBe(expected.length)
        expect(await call(pipe.query, 'exists')).toBe(expected.length > 0)
        expect(wire.queries).toHaveLength(3)
        found += expected.length
      }
    }),
    { numRuns: 40 },
  )
  expect(found).toBeGreaterThan(100)
})
