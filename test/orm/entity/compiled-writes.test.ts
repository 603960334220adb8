import { describe, expect, it } from 'vitest'
import { integer, table, text, timestamptz } from '../../../orm/index.ts'
import { type CompiledWrites, compileWrites } from '../../../orm/entity/compiled-writes.ts'
import type { ColumnMetadata } from '../../../orm/schema/metadata.ts'
import { tableOf } from '../../../orm/schema/table-of.ts'
import { keptOf } from '../../../orm/schema/values.ts'
import type { Primitive } from '../../../orm/schema/wire-form.ts'
import { typeNames, Wide } from '../schema/every-type.ts'
import { hostile } from '../schema/hostile-values.ts'

const ways = [
  ['generated', true],
  ['looped', false],
] as const

const strangers: readonly unknown[] = [
  undefined,
  null,
  '',
  'x',
  0,
  -0,
  1,
  Number.NaN,
  1n,
  true,
  [],
  {},
  new Date(0),
  new Date(Number.NaN),
  Buffer.from([0]),
  Symbol('x'),
]

function answerOf(answer: () => unknown): unknown {
  try {
    return answer()
  } catch {
    return 'refused'
  }
}

describe.each(typeNames)('%s', (name) => {
  const column = { ...(tableOf(Wide).columnOf.get(name) as ColumnMetadata), position: 0 }
  const both = [true, false].map((isGenerated) => compileWrites([column], isGenerated))
  const [generated, looped] = both as [CompiledWrites, CompiledWrites]
  const values: readonly unknown[] = hostile[name]

  it('is given, checked and kept alike by both ways', () => {
    for (const value of [...values, ...strangers]) {
      const [one, other] = [{}, {}]
      const given = { [name]: value }
      const made = generated.make(one, given)
      expect(looped.make(other, given)).toBe(made)
      expect(one).toEqual(other)
      expect(looped.isComplete(given)).toBe(generated.isComplete(given))
    }
    const given = values.map((value) => ({ [name]: value }))
    expect(given.every((entity) => generated.isComplete(entity))).toBe(true)
    expect(looped.kept[0]?.(given)).toEqual(generated.kept[0]?.(given))
    expect(generated.kept[0]?.(given)).toEqual(values.map((value) => keptOf(column, value)))
    for (const value of values) expect(generated.make({}, { [name]: value })).toBe(true)
  })

  it('is taken from a row alike by both ways', () => {
    const primitives: readonly Primitive[] = [
      null,
      ...values.slice(0, 5).map((value) => keptOf(column, value)),
    ]
    for (const primitive of primitives) {
      for (const value of [...values.slice(0, 5), ...strangers]) {
        const [one, other] = [{ [name]: value }, { [name]: value }]
        const taken = answerOf(() => generated.take(one, [primitive]))
        expect(answerOf(() => looped.take(other, [primitive]))).toEqual(taken)
        expect(one).toEqual(other)
        // Nothing that the entity has is ever replaced.
        expect(value === undefined || Object.is(one[name], value)).toBe(true)
      }
      const empty: Record<string, unknown> = { [name]: undefined }
      expect(generated.take(empty, [primitive])).toBe(true)
      expect(empty[name]).toEqual(primitive === null ? null : column.type.keep.toValue(primitive))
    }
  })
})

const many = Array.from({ length: 70 }, (_, index) => `c${index}`)

class Broad extends table('broad', {
  id: integer().primaryKey().generated(),
  ...Object.fromEntries(many.map((name) => [name, text().nullable()] as const)),
  "it's \u2028 `${'x'}`": text('odd').default('"'),
  at: timestamptz().defaultNow(),
}) {}

describe.each(ways)('%s code', (_, isGenerated) => {
  const { columns } = tableOf(Broad)
  const writes = compileWrites(columns, isGenerated)

  it('tells apart which columns have no value, however many there are', () => {
    const whole = Object.fromEntries(columns.map(({ property }) => [property, null]))
    const found = columns.map(({ property }) => writes.missing({ ...whole, [property]: undefined }))
    expect(new Set([...found, writes.missing(whole)]).size).toBe(columns.length + 1)
    expect(writes.missing({ ...whole, c7: undefined })).toBe(
      writes.missing({ ...whole, c7: undefined, c8: 'other' }),
    )
  })

  it('gives defaults, and leaves what the database makes', () => {
    const entity: Record<string, unknown> = {}
    expect(writes.make(entity, { c3: 'x' })).toBe(true)
    expect(Object.keys(entity)).toEqual(columns.map(({ property }) => property))
    expect(entity).toMatchObject({ id: undefined, c3: 'x', c4: null, at: undefined })
    expect(entity["it's \u2028 `${'x'}`"]).toBe('"')
  })

  it('leaves unknown names, relations and refused values to others, and changes nothing', () => {
    for (const given of [{ unknown: 1 }, { c3: 5 }, ['x'], { c3: 'x', author: undefined }]) {
      const entity = {}
      expect(writes.make(entity, given)).toBe(false)
      expect(entity).toEqual({})
    }
  })

  it('takes nothing where one value of the row is another one', () => {
    const row: readonly Primitive[] = columns.map(({ property }) => (property === 'id' ? 5 : null))
    const entity: Record<string, unknown> = Object.fromEntries(
      columns.map(({ property }) => [property, null]),
    )
    entity['id'] = undefined
    entity['c69'] = 'changed by the program'
    expect(writes.take(entity, row)).toBe(false)
    expect(entity['id']).toBeUndefined()
    entity['c69'] = null
    expect(writes.take(entity, row)).toBe(true)
    expect(entity['id']).toBe(5)
  })
})

describe.each(typeNames)('a deferred %s', (name) => {
  const column = { ...(tableOf(Wide).columnOf.get(name) as ColumnMetadata), position: 0 }

  it.each(ways)('that was not read back is not taken (%s)', (_, isGenerated) => {
    const compiled = compileWrites([{ ...column, deferred: true }], isGenerated)
    const row = [undefined] as unknown as Primitive[]
    const entity = { [name]: undefined }
    expect(compiled.take(entity, row)).toBe(true)
    expect(entity).toStrictEqual({ [name]: undefined })
    const [value] = hostile[name]
    const set = { [name]: value }
    expect(answerOf(() => compiled.take(set, row))).not.toBe(true)
    expect(set[name]).toBe(value)
  })
})
