import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import { beforeAll, expect, it } from 'vitest'
import { array, type Condition, integer, jsonb, not, type Refs, table } from '../../../orm/index.ts'
import { testDatabase } from '../../support/database.ts'

class Row extends table('rows', {
  id: integer().primaryKey(),
  list: array(integer().nullable()).nullable(),
  document: jsonb().nullable(),
}) {}

type Truth = boolean | null
type List = readonly (number | null)[]
type Path = readonly (string | number)[]

const { database } = await testDatabase([Row])

const number = fc.integer({ min: 0, max: 3 })
const list = fc.array(fc.option(number, { freq: 4 }), { maxLength: 4 })
const key = fc.constantFrom('a', 'b', '0', '')
const scalar = fc.oneof(fc.constantFrom(null, true, false, 0, 1, 1.5, -2), key)
const { document } = fc.letrec<{ document: unknown }>((tie) => ({
  document: fc.oneof(
    { maxDepth: 3, withCrossShrink: true },
    scalar,
    fc.array(tie('document'), { maxLength: 3 }),
    fc.dictionary(key, tie('document'), { maxKeys: 3, noNullPrototype: true }),
  ),
}))
const place = fc.oneof(key, fc.integer({ min: -2, max: 2 }))
const path = fc.array(place, { maxLength: 3 })

// The rows are of one seed, so that a failure can be repeated.
const lists = [null, ...fc.sample(list, { numRuns: 60, seed: 1 })]
const documents = [null, ...fc.sample(document, { numRuns: 120, seed: 2 })]
const rows = Array.from({ length: documents.length }, (_, id) => ({
  id,
  list: lists[id % lists.length] ?? null,
  document: documents[id] ?? null,
}))

beforeAll(() => database.run((session) => session.add(rows.map((row) => new Row(row)))))

/** What a condition is for each row: found by it, found by its opposite, or by neither. */
async function truths(filter: (row: Refs<Row>) => Condition): Promise<Truth[]> {
  await using session = database.session()
  const idsOf = async (by: (row: Refs<Row>) => Condition): Promise<Set<number>> => {
    const select = session.find(Row).filter(by)
    const found = await select.select(({ id }) => ({ id })).toList()
    return new Set(found.map(({ id }) => id))
  }
  const [held, denied] = [await idsOf(filter), await idsOf((row) => not(filter(row)))]
  return rows.map(({ id }) => (held.has(id) ? true : denied.has(id) ? false : null))
}

// --- what the operators mean, in JavaScript

const isIn = (item: number | null, items: List): boolean => item !== null && items.includes(item)

interface ListOperator {
  readonly write: (column: Refs<Row>['list'], given: List) => Condition
  readonly holds: (mine: List, given: List) => boolean
}

const listOperators: readonly ListOperator[] = [
  {
    write: (column, given) => column.contains(given),
    holds: (mine, given) => given.every((item) => isIn(item, mine)),
  },
  {
    write: (column, given) => column.containedBy(given),
    holds: (mine, given) => mine.every((item) => isIn(item, given)),
  },
  {
    write: (column, given) => column.overlaps(given),
    holds: (mine, given) => mine.some((item) => isIn(item, given)),
  },
]

const isTree = (value: unknown): value is object => typeof value === 'object' && value !== null

function contains(whole: unknown, part: unknown): boolean {
  if (Array.isArray(part)) {
    const items: readonly unknown[] = part
    return Array.isArray(whole) && items.every((item) => whole.some((one) => contains(one, item)))
  }
  if (!isTree(part)) return whole === part
  return (
    isTree(whole) &&
    !Array.isArray(whole) &&
    Object.entries(part).every(
      ([name, value]) => Object.hasOwn(whole, name) && contains(whole[name as never], value),
    )
  )
}

/** A list contains its items also without brackets around them. */
const containsAtTop = (whole: unknown, part: unknown): boolean =>
  contains(whole, part) || (Array.isArray(whole) && !isTree(part) && whole.includes(part))

function hasKey(whole: unknown, name: string): boolean {
  if (!isTree(whole)) return whole === name
  return Array.isArray(whole) ? whole.includes(name) : Object.hasOwn(whole, name)
}

/** Undefined: nothing. */
function at(whole: unknown, [step, ...rest]: Path): unknown {
  if (step === undefined) return whole
  if (!isTree(whole)) return undefined
  if (!Array.isArray(whole)) {
    const name = String(step)
    return Object.hasOwn(whole, name) ? at(whole[name as never], rest) : undefined
  }
  if (!/^-?\d+$/.test(String(step))) return undefined
  return at(whole.at(Number(step)), rest)
}

// --- the comparisons

it('operators of arrays find what they mean in JavaScript', async () => {
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...listOperators), list, async ({ write, holds }, given) => {
      expect(await truths((row) => write(row.list, given))).toEqual(
        rows.map((row) => row.list && holds(row.list, given)),
      )
    }),
    { numRuns: 120 },
  )
})

it('an array has an item, and a length', async () => {
  await fc.assert(
    fc.asyncProperty(number, async (given) => {
      expect(await truths((row) => row.list.has(given))).toEqual(
        rows.map((row) => row.list && row.list.includes(given)),
      )
      expect(await truths((row) => row.list.length().gt(given))).toEqual(
        rows.map((row) => row.list && row.list.length > given),
      )
    }),
    { numRuns: 8 },
  )
})

// A document that is null is stored as NULL.
const ofDocument = (holds: (whole: unknown) => Truth) => (row: (typeof rows)[number]) =>
  row.document === null ? null : holds(row.document)

it('a document contains parts', async () => {
  await fc.assert(
    fc.asyncProperty(document, async (given) => {
      expect(await truths((row) => row.document.contains(given))).toEqual(
        rows.map(ofDocument((whole) => containsAtTop(whole, given))),
      )
      expect(await truths((row) => row.document.containedBy(given))).toEqual(
        rows.map(ofDocument((whole) => containsAtTop(given, whole))),
      )
    }),
    { numRuns: 120 },
  )
})

it('a document has keys', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(key, { maxLength: 3 }), async (given) => {
      const [first = 'a'] = given
      expect(await truths((row) => row.document.hasKey(first))).toEqual(
        rows.map(ofDocument((whole) => hasKey(whole, first))),
      )
      expect(await truths((row) => row.document.hasAnyKey(given))).toEqual(
        rows.map(ofDocument((whole) => given.some((name) => hasKey(whole, name)))),
      )
      expect(await truths((row) => row.document.hasAllKeys(given))).toEqual(
        rows.map(ofDocument((whole) => given.every((name) => hasKey(whole, name)))),
      )
    }),
    { numRuns: 40 },
  )
})

it('a path leads to what is there', async () => {
  await fc.assert(
    fc.asyncProperty(path, document, async (steps, given) => {
      const there = (whole: unknown): unknown => at(whole, steps)
      // eq(null) asks for NULL.
      const value = given ?? false
      expect(await truths((row) => row.document.at(...steps).eq(value))).toEqual(
        rows.map(
          ofDocument((whole) =>
            there(whole) === undefined ? null : isDeepStrictEqual(there(whole), value),
          ),
        ),
      )
      expect(await truths((row) => row.document.at(...steps).contains(given))).toEqual(
        rows.map(
          ofDocument((whole) =>
            there(whole) === undefined ? null : containsAtTop(there(whole), given),
          ),
        ),
      )
      expect(await truths((row) => row.document.textAt(...steps).isNull())).toEqual(
        rows.map((row) => (row.document === null ? true : (there(row.document) ?? null) === null)),
      )
    }),
    { numRuns: 120 },
  )
})
