import fc from 'fast-check'
import { beforeAll, expect, it } from 'vitest'
import {
  and,
  boolean,
  type Condition,
  integer,
  not,
  or,
  type Query,
  sql,
  table,
  text,
} from '../../../orm/index.ts'
import { parametersOf } from '../../../orm/sql/bind-sink.ts'
import { declaredDefaults } from '../../../orm/sql/defaults.ts'
import { rowsWhere, Select, selectStatement } from '../../../orm/sql/select.ts'
import { rootSource } from '../../../orm/sql/source.ts'
import { tableOf } from '../../../orm/schema/table-of.ts'
import { render } from '../../../orm/sql/statement.ts'
import { testDatabase } from '../../support/database.ts'

class Thing extends table('things', {
  id: integer().primaryKey(),
  n: integer().nullable(),
  s: text().nullable(),
  b: boolean().nullable(),
}) {}

type Refs = Parameters<Parameters<Query<typeof Thing>['orderBy']>[0]>[0]

interface Values {
  readonly n: number | null
  readonly s: string | null
  readonly b: boolean | null
}

/** SQL has three: where a comparison meets NULL it is neither true nor false. */
type Truth = boolean | null

/** A condition twice: as it is sent, and as JavaScript understands it. */
interface Both {
  readonly write: (row: Refs) => Condition
  readonly holds: (row: Values) => Truth
  readonly parameters: number
}

const numbers = [-1, 0, 1, 2, 3]
const strings = ['', 'a', 'A', 'ab', `'"\\{}`, '%', 'NULL']

const rows: readonly Values[] = [null, ...numbers].flatMap((n, i) =>
  [null, ...strings].map((s, j) => ({
    n,
    s,
    b: [null, true, false][(i + j) % 3] as boolean | null,
  })),
)

const { database } = await testDatabase([Thing])

beforeAll(() =>
  database.run((session) =>
    session.add(rows.map((row, index) => new Thing({ id: index, ...row }))),
  ),
)

const compare = (holds: (value: number | string | boolean) => boolean, key: keyof Values) => {
  return (row: Values): Truth => (row[key] === null ? null : holds(row[key]))
}

const orderings = ['eq', 'ne', 'gt', 'gte', 'lt', 'lte'] as const
const holds: Record<(typeof orderings)[number], (a: number, b: number) => boolean> = {
  eq: (a, b) => a === b,
  ne: (a, b) => a !== b,
  gt: (a, b) => a > b,
  gte: (a, b) => a >= b,
  lt: (a, b) => a < b,
  lte: (a, b) => a <= b,
}

const number = fc.constantFrom(...numbers)
const string = fc.constantFrom(...strings)

const leaf: fc.Arbitrary<Both> = fc.oneof(
  fc.tuple(fc.constantFrom(...orderings), number).map(([method, value]) => ({
    write: (row: Refs) => row.n[method](value),
    holds: compare((mine) => holds[method](mine as number, value), 'n'),
    parameters: 1,
  })),
  fc.tuple(fc.constantFrom('eq' as const, 'ne' as const), string).map(([method, value]) => ({
    write: (row: Refs) => row.s[method](value),
    holds: compare((mine) => (mine === value) === (method === 'eq'), 's'),
    parameters: 1,
  })),
  fc.array(string).map((values) => ({
    write: (row: Refs) => row.s.in(values),
    holds: (row: Values) =>
      values.length === 0 ? false : row.s === null ? null : values.includes(row.s),
    parameters: 1,
  })),
  fc.array(number).map((values) => ({
    write: (row: Refs) => row.n.notIn(values),
    holds: (row: Values) =>
      values.length === 0 ? true : row.n === null ? null : !values.includes(row.n),
    parameters: 1,
  })),
  fc.tuple(number, number).map(([low, high]) => ({
    write: (row: Refs) => row.n.between(low, high),
    holds: compare((mine) => (mine as number) >= low && (mine as number) <= high, 'n'),
    parameters: 2,
  })),
  fc.boolean().map((value) => ({
    write: (row: Refs) => row.b.eq(value),
    holds: compare((mine) => mine === value, 'b'),
    parameters: 1,
  })),
  fc.constantFrom('n' as const, 's' as const, 'b' as const).map((key) => ({
    write: (row: Refs) => row[key].eq(null),
    holds: (row: Values) => row[key] === null,
    parameters: 0,
  })),
  fc.constantFrom('n' as const, 's' as const, 'b' as const).map((key) => ({
    write: (row: Refs) => row[key].isNotNull(),
    holds: (row: Values) => row[key] !== null,
    parameters: 0,
  })),
  fc.tuple(number, number).map(([a, b]) => ({
    write: (row: Refs) => sql<boolean>`${row.n} + ${a}::int > ${b}::int`,
    holds: compare((mine) => (mine as number) + a > b, 'n'),
    parameters: 2,
  })),
)

const every = (truths: readonly Truth[]): Truth =>
  truths.includes(false) ? false : truths.includes(null) ? null : true
const some = (truths: readonly Truth[]): Truth =>
  truths.includes(true) ? true : truths.includes(null) ? null : false
const sum = (of: readonly Both[]) => of.reduce((total, { parameters }) => total + parameters, 0)

const { tree } = fc.letrec<{ tree: Both; list: Both[] }>((tie) => ({
  list: fc.array(tie('tree'), { maxLength: 4 }),
  tree: fc.oneof(
    { maxDepth: 5, withCrossShrink: true },
    leaf,
    tie('list').map((of) => ({
      write: (row: Refs) => and(...of.map(({ write }) => write(row))),
      holds: (row: Values) => every(of.map((each) => each.holds(row))),
      parameters: sum(of),
    })),
    tie('list').map((of) => ({
      write: (row: Refs) => or(...of.map(({ write }) => write(row))),
      holds: (row: Values) => some(of.map((each) => each.holds(row))),
      parameters: sum(of),
    })),
    tie('tree').map((of) => ({
      write: (row: Refs) => not(of.write(row)),
      holds: (row: Values) => {
        const truth = of.holds(row)
        return truth === null ? null : !truth
      },
      parameters: of.parameters,
    })),
  ),
}))

it('a condition finds the rows for which it holds in JavaScript', async () => {
  await using session = database.session()
  await session.find(Thing).toList()
  await fc.assert(
    fc.asyncProperty(fc.array(tree, { maxLength: 3 }), async (filters) => {
      const query = session
        .find(Thing)
        .filter(...filters.map(({ write }) => write))
        .orderBy((row) => row.id.asc())
      const found = await query.toList()
      const expected = rows.flatMap((row, index) =>
        every(filters.map((filter) => filter.holds(row))) === true ? [index] : [],
      )
      expect(found.map(({ id }) => id)).toEqual(expected)
      expect(await query.count()).toBe(expected.length)
    }),
    { numRuns: 250 },
  )
})

it('a condition has a place for each of its parameters, in their order', async () => {
  let refs: Refs | undefined
  database
    .session()
    .find(Thing)
    .filter((row) => ((refs = row), row.id.eq(1)))
  fc.assert(
    fc.property(tree, ({ write, parameters }) => {
      const condition = write(refs as Refs)
      const places = [...render(condition).text.matchAll(/\$(\d+)/g)].map(([, place]) =>
        Number(place),
      )
      expect(places).toEqual(parametersOf(condition).map((_, index) => index + 1))
      expect(places).toHaveLength(parameters)
    }),
  )
})

it('two conditions of one shape have one text, and of different texts different shapes', async () => {
  let refs: Refs | undefined
  database
    .session()
    .find(Thing)
    .filter((row) => ((refs = row), row.id.eq(1)))
  const texts = new Map<string, string>()
  fc.assert(
    fc.property(tree, ({ write }) => {
      const condition = write(refs as Refs)
      const { text } = render(condition)
      expect(texts.get(condition.shape) ?? text).toBe(text)
      texts.set(condition.shape, text)
      const parts = rowsWhere(rootSource(tableOf(Thing)), declaredDefaults, condition, [])
      const statement = selectStatement(new Select({ ...parts, limit: 1, offset: 2 }))
      expect(statement.parameters).toEqual([...parametersOf(condition), '1', '2'])
    }),
    { numRuns: 500 },
  )
})
