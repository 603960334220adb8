import { expect, it } from 'vitest'
import {
  and,
  array,
  char,
  type Condition,
  count,
  type Expression,
  integer,
  json,
  jsonb,
  not,
  type Refs,
  sql,
  table,
  text,
  timestamptz,
} from '../../../orm/index.ts'
import { tableOf } from '../../../orm/schema/table-of.ts'
import { parametersOf } from '../../../orm/sql/bind-sink.ts'
import { callWithRefs } from '../../../orm/sql/refs.ts'
import { rootSource } from '../../../orm/sql/source.ts'
import { render } from '../../../orm/sql/statement.ts'
import { valuesProjection } from '../../../orm/sql/projections.ts'
import {} from '../../../orm/sql/select.ts'
import { testDatabase } from '../../support/database.ts'
import { coded } from '../../support/failure.ts'

class Item extends table('items', {
  id: integer().primaryKey(),
  name: text(),
  code: char(4),
  tags: array(text()),
  more: array(text()),
  times: array(timestamptz()),
  grid: array(array(integer())),
  data: jsonb(),
  old: json(),
}) {}

const builders: readonly ((row: Refs<Item>, n: number) => Expression<unknown>)[] = [
  ({ name }, n) => name.startsWith(`a${n}`),
  ({ name }, n) => name.endsWith(`a${n}`),
  ({ name }, n) => name.includes(`a${n}`, { ignoreCase: true }),
  ({ name }, n) => name.ilike(`a${n}`),
  ({ code }, n) => code.includes(`a${n}`),
  ({ code }, n) => code.like(`a${n}`),
  ({ tags }, n) => tags.contains([`a${n}`, 'b']),
  ({ tags }, n) => tags.has(`a${n}`),
  ({ tags, name }) => tags.has(name),
  ({ tags, more }) => tags.contains(more),
  ({ tags }, n) => tags.containedBy([`a${n}`]),
  ({ tags }, n) => tags.overlaps([`a${n}`]),
  ({ tags }, n) => tags.eq([`a${n}`]),
  ({ tags }) => tags.length(),
  ({ grid }) => grid.length(),
  ({ times }, n) => times.has(new Date(n)),
  ({ times }, n) => times.overlaps([new Date(n)]),
  ({ data }, n) => data.contains({ a: n }),
  ({ data }, n) => data.containedBy({ a: n }),
  ({ data, old }) => data.containedBy(old),
  ({ data }, n) => data.hasKey(`a${n}`),
  ({ data }, n) => data.hasAnyKey([`a${n}`]),
  ({ data }, n) => data.hasAllKeys([`a${n}`]),
  ({ data }, n) => data.at('a', n),
  ({ data }, n) => data.at('a', n).at('b'),
  ({ data }, n) => data.textAt('a', n),
  ({ data }, n) => data.at('a', n).eq(n),
  ({ data }, n) => data.textAt('a', n).eq('a'),
  ({ data }, n) => data.matchesPath(`$.a == ${n}`),
  ({ data }, n) => data.matchesPath('$.a == $n', { n }),
  ({ old }, n) => old.contains({ a: n }),
  ({ old }, n) => old.at('a', n),
  ({ id, name }, n) => and(id.gt(n), not(name.eq(`a${n}`))),
  ({ id }, n) => id.between(n, n),
  ({ id, tags }, n) => id.between(n, tags.length()),
  ({ id }, n) => id.between(n, sql<number>`1 + ${n}`),
  ({ id }, n) => sql<number>`${id} + ${n}`.gt(n),
  ({ id }, n) => sql<number>`${id} + ${n}`.in([n]),
  () => count(),
  ({ id }, n) => count().filter(id.gt(n)),
  ({ id }, n) => count(id).filter(id.gt(n)),
]

function expressions(n: number): readonly Expression<unknown>[] {
  const root = rootSource(tableOf(Item))
  return callWithRefs(root, (row: Refs<Item>) => builders.map((of) => of(row, n)), 'test') as never
}

it('operators of one shape have one text, and no other has it', () => {
  const texts = new Map<string, string>()
  const shapes = new Map<string, string>()
  for (const [index, one] of expressions(1).entries()) {
    const other = expressions(2)[index] as Expression<unknown>
    expect(other.shape).toBe(one.shape)
    for (const node of [one, other, valuesProjection([one]), valuesProjection([other])]) {
      const { text: rendered } = render(node)
      expect(texts.get(node.shape) ?? rendered).toBe(rendered)
      texts.set(node.shape, rendered)
      const places = [...rendered.matchAll(/\$(\d+)/g)].map(([, place]) => Number(place))
      expect(places).toEqual(parametersOf(node).map((_, at) => at + 1))
      shapes.set(rendered, node.shape)
    }
  }
  // Conditions are written otherwise where they are values; `has` and `contains` are one operator.
  expect(new Set(texts.values()).size).toBe(shapes.size)
  expect(texts.size).toBeGreaterThan(builders.length)
})

it('a chain of paths that is too deep is a value of a client', () => {
  const root = rootSource(tableOf(Item))
  const build = (): unknown =>
    callWithRefs(
      root,
      ({ data }: Refs<Item>) => {
        let at = data.at('a')
        for (let level = 0; level < 2_000; level += 1) at = at.at('a')
        return at
      },
      'test',
    )
  expect(build).toThrow(coded('DATA_BRIDGE_ERR_INVALID_VALUE'))
})

it('checks of tables may use them', async () => {
  const check = (name: string, of: (row: Refs<Item>) => Condition) => ({ [name]: of })
  class Checked extends table(
    'checked',
    {
      id: integer().primaryKey(),
      name: text(),
      code: char(4),
      tags: array(text()),
      more: array(text()),
      times: array(timestamptz()),
      grid: array(array(integer())),
      data: jsonb(),
      old: json(),
    },
    {
      checks: {
        ...check('few', (row) => row.tags.length().lte(2)),
        ...check('named', (row) => row.name.startsWith(`o'`)),
        ...check('tagged', (row) => row.tags.overlaps(['a', `b'"`])),
        ...check('typed', (row) => row.data.at('kind').in(['a', 'b'])),
        ...check('keyed', (row) => row.data.hasAllKeys(['kind', '?'])),
      },
    },
  ) {}
  const { database } = await testDatabase([Checked])
  const row = { code: 'a', more: [], times: [], grid: [], old: {}, name: `o'a`, tags: [`b'"`] }
  const data = { kind: 'a', '?': 1 }
  await database.run((session) => session.add(new Checked({ ...row, id: 1, data })))
  const wrong = [{ tags: ['a', 'b', 'c'] }, { name: 'a' }, { tags: ['b'] }, { data: { kind: 'a' } }]
  for (const change of [...wrong, { data: { ...data, kind: 'c' } }])
    await expect(
      database.run((session) => session.add(new Checked({ ...row, id: 2, data, ...change }))),
    ).rejects.toThrow(coded('DATA_BRIDGE_ERR_CHECK'))
})
