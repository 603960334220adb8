import { describe, expect, it } from 'vitest'
import type { Condition } from '../../../orm/index.ts'
import { testDatabase } from '../../support/database.ts'
import { columnsOf, optional, samePoints, type TypeName, typeNames, Wide } from './every-type.ts'
import { hostile, huge, plainValues } from './hostile-values.ts'

const { database, truncate } = await testDatabase([Wide])

expect.addEqualityTesters([samePoints])

/** A column as callbacks see it, of whatever type. */
interface AnyRef {
  eq(value: unknown): Condition
  ne(value: unknown): Condition
  in(values: readonly unknown[]): Condition
  notIn(values: readonly unknown[]): Condition
  gte(value: unknown): Condition
  gt(value: unknown): Condition
  lte(value: unknown): Condition
  lt(value: unknown): Condition
  between(low: unknown, high: unknown): Condition
}

const refOf = (row: unknown, name: string) => (row as Record<string, AnyRef>)[name] as AnyRef

const incomparable: readonly TypeName[] = ['json', 'jsonb', 'documents', 'point']

/** More than a socket gives at once. The longest are only inserted and read: they take the most time. */
const [long, longest] = [huge(200_000), huge(1_000_000)]

async function insert(values: object): Promise<number> {
  const entity = new Wide({ ...plainValues(), ...values })
  await database.run((session) => session.add(entity))
  return entity.id
}

async function read(id: number): Promise<Record<string, unknown>> {
  return database.run(async (session) => columnsOf(await session.getOrThrow(Wide, id)))
}

describe.each(typeNames)('%s', (name) => {
  const maybe = optional(name)
  const values: readonly unknown[] = [...hostile[name], ...(long[name] ?? [])]

  it('is read as it was written, with a value and without', async () => {
    for (const value of [...values, ...(longest[name] ?? [])]) {
      const both = await read(await insert({ [name]: value, [maybe]: value }))
      expect(both[name]).toEqual(value)
      expect(both[maybe]).toEqual(value)
    }
    expect((await read(await insert({})))[maybe]).toBeNull()
  })

  it('is updated from each value to the next, to NULL and back', async () => {
    const id = await insert({ [name]: values[0] })
    for (const value of [...values.slice(1), ...values.slice(0, 1)]) {
      for (const next of [value, null, value]) {
        await database.run(async (session) => {
          const changes = next === null ? { [maybe]: null } : { [name]: next, [maybe]: next }
          Object.assign(await session.getOrThrow(Wide, id), changes)
        })
        const row = await read(id)
        expect(row[name]).toEqual(value)
        expect(row[maybe]).toEqual(next)
      }
    }
  })

  it('is no change after it was read, nor after its own value was set again', async () => {
    await truncate()
    for (const value of values) await insert({ [name]: value, [maybe]: value })
    await database.run(async (session) => {
      const rows = await session
        .find(Wide)
        .orderBy(({ id }) => id.asc())
        .toList()
      const count = session.stats.queryCount
      await session.flush()
      rows.forEach((row, index) => Object.assign(row, { [name]: values[index] }))
      await session.flush()
      expect(session.stats.queryCount).toBe(count)
    })
  })
})

const comparable = typeNames.filter((name) => !incomparable.includes(name))

it.each(comparable)('%s is found by its value, and by those before and after it', async (name) => {
  await truncate()
  const values: readonly unknown[] = hostile[name]
  for (const value of values) await insert({ [name]: value })
  const found = async (condition: (column: AnyRef) => Condition): Promise<unknown[]> => {
    await using session = database.session()
    const rows = await session
      .find(Wide)
      .filter((row) => condition(refOf(row, name)))
      .orderBy(({ id }) => id.asc())
      .toList()
    return rows.map((row) => row[name])
  }
  for (const value of values) {
    const equal = await found((column) => column.eq(value))
    expect(equal).toContainEqual(value)
    expect(await found((column) => column.in([value, value]))).toEqual(equal)
    expect(await found((column) => column.between(value, value))).toEqual(equal)
    const others = await found((column) => column.ne(value))
    expect(others).not.toContainEqual(value)
    expect(equal.length + others.length).toBe(values.length)
    expect(await found((column) => column.notIn([value]))).toEqual(others)
    const before = await found((column) => column.lt(value))
    const after = await found((column) => column.gt(value))
    expect(before.length + after.length).toBe(others.length)
    expect(await found((column) => column.lte(value))).toHaveLength(before.length + equal.length)
    expect(await found((column) => column.gte(value))).toHaveLength(after.length + equal.length)
  }
  expect(await found((column) => column.in(values))).toHaveLength(values.length)
  expect(await found((column) => column.notIn(values))).toEqual([])
  expect(await found((column) => column.in([]))).toEqual([])
})
