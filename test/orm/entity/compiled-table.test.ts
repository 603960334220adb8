import { describe, expect, it } from 'vitest'
import { integer, table, text, timestamptz } from '../../../orm/index.ts'
import { compile, type CompiledTable } from '../../../orm/entity/compiled-table.ts'
import type { ColumnMetadata } from '../../../orm/schema/metadata.ts'
import { tableOf } from '../../../orm/schema/table-of.ts'
import { keptOf } from '../../../orm/schema/values.ts'
import type { Primitive } from '../../../orm/schema/wire-form.ts'
import { type TypeName, typeNames, types, Wide } from '../schema/every-type.ts'
import { hostile } from '../schema/hostile-values.ts'

const ways = [
  ['generated', true],
  ['looped', false],
] as const

function columnNamed(name: string): ColumnMetadata {
  const column = tableOf(Wide).columnOf.get(name) as ColumnMetadata
  return { ...column, position: 0 }
}

/** Both ways, for one column alone. */
function both(name: string): readonly [CompiledTable, CompiledTable] {
  const columns = [columnNamed(name)]
  return [compile(columns, true), compile(columns, false)]
}

/** Values that no column of the type should have, beside those that it has. */
const strangers: readonly unknown[] = [
  undefined,
  null,
  '',
  'x',
  '0',
  '"x"',
  '{}',
  '{1}',
  'infinity',
  0,
  -0,
  1,
  Number.NaN,
  Infinity,
  0n,
  1n,
  true,
  false,
  [],
  {},
  new Date(0),
  new Date(Number.NaN),
  Buffer.from([0]),
  Symbol('x'),
]

describe.each(typeNames)('%s', (name) => {
  const column = columnNamed(name)
  const values: readonly unknown[] = hostile[name]
  const kept = values.map((value) => keptOf(column, value))
  // Documents of a megabyte would be compared with each other.
  const few = values.filter((value) => (JSON.stringify(value, replacer) ?? '').length < 1000)

  it('is assigned alike by both ways', () => {
    const [generated, looped] = both(name)
    for (const primitive of [null, ...kept]) {
      const [one, other] = [{}, {}] as Record<string, unknown>[]
      generated.assign(one as object, [primitive])
      looped.assign(other as object, [primitive])
      expect(Object.getOwnPropertyDescriptor(one, name)).toMatchObject({
        enumerable: true,
        writable: true,
      })
      expect(one).toEqual(other)
      expect(looped.nextChange(one as object, [primitive], 0)).toBe(-1)
      expect(generated.nextChange(other as object, [primitive], 0)).toBe(-1)
    }
  })

  it('is compared alike by both ways', () => {
    const [generated, looped] = both(name)
    const primitives: readonly Primitive[] = [null, ...few.map((value) => keptOf(column, value))]
    let same = 0
    for (const value of [...few, ...strangers]) {
      for (const primitive of primitives) {
        const entity = { [name]: value }
        const answers = [generated, looped].map((way) => answerOf(way, entity, primitive))
        expect(answers[0]).toEqual(answers[1])
        if (answers[0] === -1) same += 1
      }
    }
    // Each value is equal to itself, and null to NULL.
    expect(same).toBeGreaterThanOrEqual(few.length + 1)
  })

  it('is written to JSON alike by both ways', () => {
    const [generated, looped] = both(name)
    for (const value of [...values, ...strangers]) {
      const entity = { [name]: value }
      expect(generated.json(entity)).toEqual(looped.json(entity))
      expect(generated.jsonTexts(entity)).toEqual(looped.jsonTexts(entity))
      if (typeof value === 'symbol') continue
      const [withDates, withTexts] = [generated.json(entity), generated.jsonTexts(entity)]
      expect(JSON.stringify(withTexts)).toBe(JSON.stringify(withDates))
    }
  })
})

function replacer(_: string, value: unknown): unknown {
  return typeof value === 'bigint' ? String(value) : value
}

function answerOf(way: CompiledTable, entity: object, primitive: Primitive): unknown {
  try {
    return way.nextChange(entity, [primitive], 0)
  } catch {
    return 'refused'
  }
}

it('sees each change of a row of every type', () => {
  const names = typeNames.filter((name) => hostile[name].length > 1)
  const columns = names.map((name, position) => ({ ...columnNamed(name), position }))
  const pick = (name: TypeName, at: number): unknown => hostile[name][at]
  const row = columns.map((column, index) => keptOf(column, pick(names[index] as TypeName, 0)))
  for (const [, isGenerated] of ways) {
    const compiled = compile(columns, isGenerated)
    for (const changed of names) {
      const entity: Record<string, unknown> = {}
      compiled.assign(entity, row)
      expect(compiled.nextChange(entity, row, 0)).toBe(-1)
      entity[changed] = pick(changed, 1)
      const place = names.indexOf(changed)
      expect(compiled.nextChange(entity, row, 0)).toBe(place)
      expect(compiled.nextChange(entity, row, place)).toBe(place)
      expect(compiled.nextChange(entity, row, place + 1)).toBe(-1)
      // The next one is found behind it, and none before.
      for (const later of names.slice(place + 1)) {
        const both = { ...entity, [later]: pick(later, 1) }
        expect(compiled.nextChange(both, row, 0)).toBe(place)
        expect(compiled.nextChange(both, row, place + 1)).toBe(names.indexOf(later))
      }
    }
  }
  expect(names.length).toBeGreaterThan(Object.keys(types).length / 2)
})

const strangeNames = [
  '__proto__x',
  'a"];throw new Error("evil")//',
  "it's",
  '`${process.exit(1)}`',
  'back\\slash',
  '\\"',
  'line\nbreak',
  '\u2028separators\u2029',
  '名前 👩',
  '\0',
  'kept',
  'value',
  'row',
  'entity',
  '0',
  'return',
]

class Strange extends table('strange', {
  id: integer().primaryKey(),
  ...Object.fromEntries(
    strangeNames.map((name, index) => [name, text(`c${index}`).nullable()] as const),
  ),
  at: timestamptz(),
}) {}

describe.each(ways)('%s code with strange names', (_, isGenerated) => {
  const { columns } = tableOf(Strange)
  const compiled = compile(columns, isGenerated)
  const row = columns.map(({ property }, index) =>
    property === 'at' ? 5999 : property === 'id' ? index : `value of ${property}`,
  )

  it('assigns, compares and writes each property', () => {
    const entity: Record<string, unknown> = {}
    compiled.assign(entity, row)
    expect(Object.keys(entity).toSorted()).toEqual(
      columns.map(({ property }) => property).toSorted(),
    )
    for (const name of strangeNames) expect(entity[name]).toBe(`value of ${name}`)
    expect(entity['at']).toEqual(new Date(5))
    expect(compiled.nextChange(entity, row, 0)).toBe(-1)
    expect(compiled.valuesOf(entity)).toEqual(columns.map(({ property }) => entity[property]))
    expect(compiled.json(entity)).toEqual(entity)
    expect(compiled.jsonTexts(entity)).toEqual({ ...entity, at: '1970-01-01T00:00:00.005Z' })
    for (const { property, position } of columns) {
      const other = { ...entity, [property]: 'changed' }
      expect(compiled.nextChange(other, row, 0)).toBe(position)
    }
    const filled = {}
    compiled.fill(filled, compiled.valuesOf(entity))
    expect(filled).toEqual(entity)
  })
})

describe.each(typeNames)('a deferred %s', (name) => {
  const around = [columnNamed('id'), { ...columnNamed(name), deferred: true }, columnNamed('id')]
  const columns = around.map((column, position) => ({
    ...column,
    position,
    property: `p${position}`,
  }))

  it.each(ways)(
    'that was not read is undefined, unchanged and not in JSON (%s)',
    (_, isGenerated) => {
      const compiled = compile(columns, isGenerated)
      const entity: Record<string, unknown> = {}
      const row = [1, undefined, 2] as unknown as Primitive[]
      compiled.assign(entity, row)
      expect(Object.entries(entity)).toEqual([
        ['p0', 1],
        ['p1', undefined],
        ['p2', 2],
      ])
      expect(compiled.nextChange(entity, row, 0)).toBe(-1)
      expect(Object.keys(compiled.json(entity))).toEqual(['p0', 'p2'])
      expect(Object.keys(compiled.jsonTexts(entity))).toEqual(['p0', 'p2'])
      for (const value of [null, ...hostile[name]]) {
        entity['p1'] = value
        expect(compiled.nextChange(entity, row, 0)).toBe(1)
        expect(Object.keys(compiled.json(entity))).toEqual(['p0', 'p1', 'p2'])
      }
    },
  )

  it.each(ways)('that was read is like any other (%s)', (_, isGenerated) => {
    const compiled = compile(columns, isGenerated)
    const usual = compile(
      columns.map((column) => ({ ...column, deferred: false })),
      isGenerated,
    )
    for (const value of hostile[name]) {
      const row = [1, keptOf(columns[1]!, value), 2]
      const [one, other] = [{}, {}]
      compiled.assign(one, row)
      usual.assign(other, row)
      expect(one).toEqual(other)
      expect(compiled.nextChange(one, row, 0)).toBe(-1)
      expect(compiled.jsonTexts(one)).toEqual(usual.jsonTexts(other))
    }
  })
})
