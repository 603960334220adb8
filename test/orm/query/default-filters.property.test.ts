import type { GeneratorValue } from 'fast-check'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import {
  and,
  joinedload,
  type LoaderOf,
  not,
  or,
  type Query,
  selectinload,
  type Session,
} from '../../../orm/index.ts'
import { relationHandle } from '../../../orm/entity/relation-handle.ts'
import { testDatabase } from '../../support/database.ts'
import { conditionOf } from '../sql/model/conditions.ts'
import { type Both, Drawing, type Refs, type Scope } from '../sql/model/operands.ts'
import {
  entities,
  follow,
  modelOf,
  randomWorld,
  type Row,
  store,
  type World,
} from '../sql/model/tables.ts'

const { query, database } = await testDatabase()
await query(`create type mood as enum ('wild', 'calm', 'sad')`)
await database.createSchema(entities)

/** Draws conditions on the columns of one row alone. */
class OwnColumns extends Drawing {
  override way([scope]: readonly Scope[]) {
    const { table } = scope as Scope
    return {
      table,
      write: ([refs]: readonly Refs[]) => refs as Refs,
      read: ([row]: readonly Row[]) => row,
    }
  }
}

type Filters = Readonly<Record<string, Both>>

/** Filters of some of the tables. */
function drawFilters(gen: GeneratorValue): Filters {
  const draw = new OwnColumns(gen, {})
  const filters: Record<string, Both> = {}
  for (const table of ['Person', 'Post', 'Tag', 'Place', 'Profile', 'PostTag']) {
    if (draw.chance(3)) continue
    const [one, other] = [0, 1].map(() => conditionOf(draw, [{ table }], 0)) as [Both, Both]
    // Most rows stay.
    filters[table] = {
      write: (refs) => or(not(one.write(refs)), other.write(refs)),
      holds: (env) => {
        const [first, second] = [one.holds(env), other.holds(env)]
        if (first === false || second === true) return true
        return first === null || second === null ? null : false
      },
    }
  }
  return filters
}

const shown = (world: World, filters: Filters): World =>
  Object.fromEntries(
    Object.entries(world).map(([table, rows]) => [
      table,
      rows.filter((row) => filters[table] === undefined || filters[table].holds([row]) === true),
    ]),
  )

const keyOf = (table: string, row: Readonly<Record<string, unknown>>): string =>
  modelOf(table)
    .key.map((name) => {
      const value = row[name] as { readonly value: unknown } | string | number
      return String(typeof value === 'object' ? value.value : value)
    })
    .join()

function narrow(session: Session, filters: Filters): void {
  for (const [table, { write }] of Object.entries(filters))
    session.addFilter(modelOf(table).entity as never, ((row: Refs) => write([row])) as never)
}

type Entity = Readonly<Record<string, unknown>>

it(
  'rows that default filters hide are as if they were not there',
  { timeout: 240_000 },
  async () => {
    let [found, hidden] = [0, 0]
    await fc.assert(
      fc.asyncProperty(fc.gen(), async (gen) => {
        const whole = randomWorld(gen)
        await store(whole, query)
        const filters = drawFilters(gen)
        const world = shown(whole, filters)
        const draw = new Drawing(gen, world)
        for (let time = 0; time < 6; time += 1) {
          const table = draw.pick('Person', 'Post', 'Tag', 'Place', 'Profile')
          const { entity, key, relations } = modelOf(table)
          const condition = conditionOf(draw, [{ table }], 4)
          const value = draw.count([{ table }], (scopes) => conditionOf(draw, scopes, 2), and)
          const rows = (world[table] ?? []).filter((row) => condition.holds([row]) === true)
          found += rows.length
          hidden += (whole[table]?.length ?? 0) - (world[table]?.length ?? 0)
          await using session = database.session()
          narrow(session, filters)
          const asked = (session.find(entity as never) as unknown as Query<never>)
            .filter(((row: Refs) => condition.write([row])) as never)
            .orderBy(((row: Refs) => key.map((name) => (row[name]?.['asc'] as Refs)())) as never)
          const keys = rows.map((row) => keyOf(table, row)).sort()
          const names = Object.keys(relations)
          const loader = (name: string) =>
            draw.pick(
              selectinload,
              joinedload,
            )((entity as never)[name]) as unknown as LoaderOf<never>
          const loaded = names.filter(() => draw.chance(2))
          const given = (await asked.options(...loaded.map(loader)).toList()) as unknown as Entity[]
          expect(given.map((each) => keyOf(table, each)).sort()).toEqual(keys)
          expect(await asked.count()).toBe(rows.length)
          const selected = await asked
            .select(((row: Refs) => ({ ...keyRefs(key, row), value: value.write([row]) })) as never)
            .toList()
          const byKey = new Map(rows.map((row) => [keyOf(table, row), row]))
          for (const each of selected as Entity[])
            expect(each['value']).toEqual(
              value.read([byKey.get(keyOf(table, each)) as Row])?.value ?? null,
            )
          // Those that no loader has loaded are awaited, alone or for all.
          for (const each of given) {
            const row = byKey.get(keyOf(table, each)) as Row
            for (const name of names) {
              const { target } = relations[name] as { readonly target: string }
              const related = [await (relationHandle(each, name) as PromiseLike<unknown>)].flat()
              const expected = follow(world, table, name, row).map((one) => keyOf(target, one))
              expect(
                related
                  .filter((one) => one !== null)
                  .map((one) => keyOf(target, one as Entity))
                  .sort(),
              ).toEqual(expected.sort())
            }
          }
          if (key.length === 1) {
            await using other = database.session({ lazy: 'peers' })
            narrow(other, filters)
            const all = (whole[table] ?? []).map((row) => row['id']?.value)
            const got = (await other.getMany(entity as never, all as never)) as Entity[]
            expect(got.map((each) => keyOf(table, each))).toEqual(
              (world[table] ?? []).map((row) => keyOf(table, row)),
            )
            for (const each of got)
              for (const name of names) await (relationHandle(each, name) as PromiseLike<unknown>)
            const counts = got.flatMap((each) =>
              names.map((name) => [relationHandle(each, name).value].flat().filter(Boolean).length),
            )
            const wanted = (world[table] ?? []).flatMap((row) =>
              names.map((name) => follow(world, table, name, row).length),
            )
            expect(counts).toEqual(wanted)
          }
        }
      }),
      { numRuns: 60 },
    )
    expect(found).toBeGreaterThan(100)
    expect(hidden).toBeGreaterThan(100)
  },
)

function keyRefs(key: readonly string[], row: Refs): Readonly<Record<string, unknown>> {
  return Object.fromEntries(key.map((name) => [name, row[name]]))
}
