import { describe, expect, it } from 'vitest'
import {
  belongsTo,
  type Column,
  hasMany,
  integer,
  selectinload,
  table,
  text,
} from '../../../orm/index.ts'
import { testDatabase } from '../../support/database.ts'
import { samePoints, type TypeName, typeNames, types } from './every-type.ts'
import { hostile } from './hostile-values.ts'

expect.addEqualityTesters([samePoints])

// Besides what has no comparison: PostgreSQL cannot add a foreign key to an array of `timestamptz(3)`.
const unfit: readonly TypeName[] = ['json', 'jsonb', 'documents', 'point', 'instants']
const names = typeNames.filter((name) => !unfit.includes(name))

/** A parent whose key is of a type, and its children. For the type checker the key is a string. */
function familyOf(name: TypeName) {
  const key = types[name] as unknown as Column<string>

  class Parent extends table(`${name}_parents`, {
    key: key.primaryKey(),
    note: text().default(''),
    children: () => hasMany(Child, 'parentKey'),
  }) {}

  class Child extends table(`${name}_children`, {
    id: integer().primaryKey().generated(),
    parentKey: key.nullable().references(() => Parent),
    parent: () => belongsTo(Parent, 'parentKey'),
  }) {}

  return { Parent, Child }
}

const families = new Map(names.map((name) => [name, familyOf(name)]))
const { database, query } = await testDatabase(
  [...families.values()].flatMap(({ Parent, Child }) => [Parent, Child]),
)

/** Values that can be keys beside each other: no two that are equal for PostgreSQL, and none too large for an index. */
function keysOf(name: TypeName): string[] {
  const seen = new Set<string>()
  const keys = (hostile[name] as readonly unknown[]).filter((value) => {
    const written = Buffer.isBuffer(value) ? value.toString('hex') : String(value)
    const same = name === 'citext' ? written.toLowerCase() : written
    const isNew = !seen.has(same) && !Object.is(value, -0) && same.length < 2000
    seen.add(same)
    return isNew
  })
  return keys as string[]
}

describe.each(names)('keys of the type %s', (name) => {
  const { Parent, Child } = families.get(name) as ReturnType<typeof familyOf>
  const keys = keysOf(name)

  it('are inserted with what refers to them, by value and by entity', async () => {
    await database.run((session) => {
      for (const key of keys) {
        const parent = new Parent({ key, note: 'new' })
        session.add([new Child({ parent }), parent, new Child({ parentKey: key })])
      }
      session.add(new Child({}))
    })
    const counts = await query(
      `select (select count(*)::int from "${name}_parents") as parents,
        (select count(*)::int from "${name}_children" join "${name}_parents" on parent_key = key) as children`,
    )
    expect(counts).toEqual([{ parents: keys.length, children: 2 * keys.length }])
  })

  it('are found by get, each row as one entity', async () => {
    await using session = database.session()
    for (const key of keys) {
      const parent = await session.getOrThrow(Parent, key)
      expect(parent.key).toEqual(key)
      expect(await session.get(Parent, key)).toBe(parent)
      await session.refresh(parent)
      expect(parent.key).toEqual(key)
    }
    const all = await session.find(Parent).toList()
    expect(all).toHaveLength(keys.length)
    const listed = await session.getMany(Parent, [...keys, ...keys])
    expect(listed.map((parent) => parent?.key)).toEqual([...keys, ...keys])
    expect(listed.every((parent) => all.includes(parent as never))).toBe(true)
  })

  it('lead relations in both directions, lazily and eagerly', async () => {
    await using session = database.session()
    for (const child of await session.find(Child).toList()) {
      const parent = await child.parent
      expect(parent?.key ?? null).toEqual(child.parentKey)
      const children = (await parent?.children) ?? [child]
      expect(children).toContain(child)
    }
    await using other = database.session()
    const parents = await other
      .find(Parent)
      .options(selectinload(Parent.children))
      .filter((row) => row.children.any())
      .toList()
    expect(parents).toHaveLength(keys.length)
    for (const { key, children } of parents) {
      expect(children.value).toHaveLength(2)
      expect(children.value.map(({ parentKey }) => parentKey)).toEqual([key, key])
    }
    const children = await other.find(Child).options(selectinload(Child.parent)).toList()
    const [orphans, others] = [
      children.filter(({ parent }) => parent.value === null),
      children.filter(({ parent }) => parents.includes(parent.value as never)),
    ]
    expect([orphans.length, others.length]).toEqual([1, 2 * keys.length])
  })

  it('are those of updates, alone and in a batch', async () => {
    await database.run(async (session) => {
      const parents = await session.getMany(Parent, keys)
      for (const [index, parent] of parents.entries()) {
        Object.assign(parent as object, { note: `one ${index}` })
        await session.flush()
      }
      for (const [index, parent] of parents.entries())
        Object.assign(parent as object, { note: `${parent?.note}, many ${index}` })
    })
    await using session = database.session()
    const notes = (await session.getMany(Parent, keys)).map((parent) => parent?.note)
    expect(notes).toEqual(keys.map((_, index) => `one ${index}, many ${index}`))
  })

  it('move children from one to the other, and are deleted, alone and in a batch', async () => {
    await database.run(async (session) => {
      const [first, ...others] = await session.getMany(Parent, keys)
      for (const child of await session.find(Child).toList()) {
        if (child.parentKey !== null) child.parentKey = first?.key ?? null
      }
      await session.flush()
      const [second, ...rest] = others
      if (second) session.delete(second)
      await session.flush()
      for (const parent of rest) if (parent) session.delete(parent)
    })
    await using session = database.session()
    const [only, ...others] = await session.find(Parent).toList()
    expect([only?.key, others]).toEqual([keys[0], []])
    expect(await only?.children).toHaveLength(2 * keys.length)
    session.delete((await only?.children) as never)
    session.delete(only as never)
    await session.commit()
    expect(await query(`select from "${name}_parents"`)).toEqual([])
  })
})

it('a key with microseconds is found by its Date, and written by what is stored', async () => {
  const { Parent, Child } = families.get('micros') as ReturnType<typeof familyOf>
  await query(`insert into micros_parents (key) values ('2024-02-29 01:02:03.123456+00')`)
  await query('insert into micros_children (parent_key) select key from micros_parents')
  await database.run(async (session) => {
    const at = new Date('2024-02-29T01:02:03.123Z') as never
    const parent = await session.getOrThrow(Parent, at)
    const [child] = await parent.children
    expect(await child?.parent).toBe(parent)
    parent.note = 'changed'
    await session.flush()
    expect(await session.find(Child).filter({ parentKey: at }).toList()).toEqual([child])
    session.delete(parent)
    if (child) session.delete(child)
    await session.flush()
    session.add(new Parent({ key: at }))
  })
  expect(await query('select key::text from micros_parents')).toEqual([
    { key: expect.stringContaining('.123+') as string },
  ])
})
