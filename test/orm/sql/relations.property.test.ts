import fc from 'fast-check'
import { expect, it } from 'vitest'
import { and, type Session } from '../../../orm/index.ts'
import { tableOf } from '../../../orm/schema/table-of.ts'
import { parametersOf } from '../../../orm/sql/bind-sink.ts'
import { callWithRefs } from '../../../orm/sql/refs.ts'
import { declaredDefaults } from '../../../orm/sql/defaults.ts'
import { rowsWhere, Select, selectStatement } from '../../../orm/sql/select.ts'
import { rootSource } from '../../../orm/sql/source.ts'
import { render } from '../../../orm/sql/statement.ts'
import { testDatabase } from '../../support/database.ts'
import { recordWire, type WireQuery } from '../../support/recorder.ts'
import { conditionOf, every, flagOf } from './model/conditions.ts'
import {
  type Both,
  call,
  Drawing,
  type Operand,
  type Refs,
  type Sorting,
  sorting,
  sortingBy,
} from './model/operands.ts'
import { entities, modelOf, randomWorld, type Row, store, type World } from './model/tables.ts'

const { url, query, database } = await testDatabase()
await query(`create type mood as enum ('wild', 'calm', 'sad')`)
await database.createSchema(entities)

/** A query twice: as it is sent, and as JavaScript understands it. */
interface Drawn {
  readonly table: string
  readonly filters: readonly Both[]
  readonly orders: readonly Sorting[]
  readonly limit: number | undefined
  readonly offset: number | undefined
  readonly selected: Readonly<Record<string, Operand>>
  readonly flag: Both
}

function drawQuery(draw: Drawing): Drawn {
  const table = draw.pick('Person', 'Post', 'Tag', 'Place', 'Profile')
  const scopes = [{ table }]
  const make = (inner: readonly { table: string }[]) => conditionOf(draw, inner, 2)
  const operand = () => (draw.chance(3) ? draw.count(scopes, make, and) : draw.column(scopes))
  const byKey = modelOf(table).key.map((name): Sorting => ({
    write: ([row]) => call(row?.[name] as Refs, 'asc') as never,
    compare: ([a], [b]) => (a?.[name]?.rank ?? 0) - (b?.[name]?.rank ?? 0),
  }))
  return {
    table,
    filters: Array.from({ length: draw.pick(0, 1, 1, 2) }, () => conditionOf(draw, scopes, 4)),
    orders: [
      ...Array.from({ length: draw.pick(0, 1, 2) }, () =>
        draw.chance(4) ? sortingBy(draw, flagOf(draw, scopes, 1)) : sorting(draw, operand()),
      ),
      ...byKey,
    ],
    limit: draw.pick(undefined, undefined, 0, 1, 3),
    offset: draw.pick(undefined, undefined, 0, 1, 2),
    selected: { one: operand(), two: draw.column(scopes), three: draw.count(scopes, make, and) },
    flag: flagOf(draw, scopes, 2),
  }
}

function expectedRows(world: World, { table, filters, orders, limit, offset = 0 }: Drawn): Row[] {
  return (world[table] ?? [])
    .filter((row) => every(filters.map((filter) => filter.holds([row]))) === true)
    .toSorted((a, b) => {
      for (const { compare } of orders) {
        const order = compare([a], [b])
        if (order !== 0) return order
      }
      return 0
    })
    .slice(offset, limit === undefined ? undefined : offset + limit)
}

function find(session: Pick<Session, 'find'>, drawn: Drawn) {
  const { table, filters, orders, limit, offset } = drawn
  let found = session.find(modelOf(table).entity as never) as ReturnType<typeof session.find>
  for (const { write } of filters) found = found.filter((row: Refs) => write([row]))
  found = found.orderBy(((row: Refs) => orders.map(({ write }) => write([row]))) as never)
  if (limit !== undefined) found = found.limit(limit)
  return offset === undefined ? found : found.offset(offset)
}

const select =
  ({ selected, flag }: Drawn) =>
  (row: Refs): object => ({
    ...Object.fromEntries(
      Object.entries(selected).map(([name, { write }]) => [name, write([row])]),
    ),
    flag: flag.write([row]),
  })

/** The same query below its public side. */
function selectOf({ table, filters, orders, limit, offset }: Drawn): Select {
  const source = rootSource(tableOf(modelOf(table).entity))
  const within = <T>(write: (refs: readonly Refs[]) => T): T =>
    callWithRefs(source, (row: Refs) => write([row]), 'a test') as T
  const where = and(...filters.map(({ write }) => within(write)))
  const written = orders.map(({ write }) => within(write))
  return new Select({ ...rowsWhere(source, declaredDefaults, where, written), limit, offset })
}

function placesIn(text: string): number[] {
  return [...text.matchAll(/\$(\d+)/g)].map(([, place]) => Number(place))
}

function expectPlaces({ text, values }: Pick<WireQuery, 'text' | 'values'>): void {
  expect(placesIn(text)).toEqual(values.map((_, index) => index + 1))
}

it('queries over relations give what the same conditions give in JavaScript', async () => {
  await using wire = recordWire(url)
  let found = 0
  await fc.assert(
    fc.asyncProperty(fc.gen(), async (gen) => {
      const world = randomWorld(gen)
      await store(world, query)
      const draw = new Drawing(gen, world)
      for (let time = 0; time < 12; time += 1) {
        const drawn = drawQuery(draw)
        const rows = expectedRows(world, drawn)
        found += rows.length
        wire.clear()
        await using session = wire.database.session()
        const asked = find(session, drawn)
        const { kinds } = modelOf(drawn.table)
        const valuesOf = (row: Row) =>
          Object.fromEntries(Object.keys(kinds).map((name) => [name, row[name]?.value ?? null]))
        expect((await asked.toList()).map((entity) => ({ ...(entity as object) }))).toEqual(
          rows.map(valuesOf),
        )
        expect(await asked.count()).toBe(rows.length)
        expect(await asked.exists()).toBe(rows.length > 0)
        expect(await asked.select(select(drawn) as never).toList()).toEqual(
          rows.map((row) => ({
            ...Object.fromEntries(
              Object.entries(drawn.selected).map(([name, { read }]) => [
                name,
                read([row])?.value ?? null,
              ]),
            ),
            flag: drawn.flag.holds([row]) === true,
          })),
        )
        expect(wire.queries).toHaveLength(4)
        for (const sent of wire.queries) expectPlaces(sent)
      }
    }),
    { numRuns: 25 },
  )
  expect(found).toBeGreaterThan(100)
})

it('two trees of one shape have one text and read the same tables, compiled before or anew', () => {
  const texts = new Map<string, string>()
  fc.assert(
    fc.property(fc.gen(), (gen) => {
      const select = selectOf(drawQuery(new Drawing(gen, {})))
      const cold = render(select)
      const parameters = parametersOf(select)
      expectPlaces({ text: cold.text, values: parameters })
      expect(texts.get(select.shape) ?? cold.text).toBe(cold.text)
      texts.set(select.shape, cold.text)
      for (let time = 0; time < 3; time += 1)
        expect(selectStatement(select)).toMatchObject({ ...cold, parameters })
    }),
    { numRuns: 400 },
  )
  expect(new Set(texts.values()).size).toBeGreaterThan(texts.size / 2)
})
