import { inspect } from 'node:util'
import { beforeEach, expect, it } from 'vitest'
import {
  type AnyEntityClass,
  belongsTo,
  boolean,
  double,
  hasMany,
  integer,
  jsonb,
  selectinload,
  table,
  text,
} from '../../../orm/index.ts'
import { testDatabase } from '../../support/database.ts'
import { blog, Post, user, User } from '../../support/entities.ts'
import { coded } from '../../support/failure.ts'

const id = integer().primaryKey().generated()

class Counter extends table('counters', { id, name: text(), start: integer() }) {
  #steps = 0
  readonly log: string[] = [`made ${this.name}`]

  step(): number {
    this.#steps += 1
    return this.start + this.#steps
  }

  get upper(): string {
    return this.name.toUpperCase()
  }

  static hasSteps(value: object): boolean {
    return #steps in value
  }
}

// As a compiler with other settings leaves it: initialisers are assignments in the constructor.
class Assigning extends table('assigning', { id, name: text().default('x') }) {
  constructor(values: { name?: string }) {
    super(values)
    Object.assign(this, { name: 'always this' })
  }
}
class Shadowing extends table('shadowing', { id, name: text() }) {
  override name = 'always this'
}

class Redeclaring extends table('redeclaring', { id, name: text() }) {
  override name!: string
}

class OwnConstructor extends table('own_constructor', { id, name: text() }) {
  constructor(name: string) {
    super({ name })
  }
}

class Tidy extends table('tidy', { id, name: text() }) {
  constructor(values: { name: string }) {
    super({ name: values.name.trim() })
  }
}

class Fussy extends table('fussy', { id, name: text() }) {
  readonly first = this.name.charAt(0)
  constructor(values: { name: string }) {
    super(values)
    if (this.name === 'bad') throw new RangeError('a name that the class refuses')
  }
}

class Person extends table('people', {
  id,
  bossId: integer()
    .nullable()
    .references(() => Person),
  boss: () => belongsTo(Person, 'bossId'),
  team: () => hasMany(Person, 'bossId'),
  settings: jsonb<{ theme: string }>().default({ theme: 'light' }),
}) {}

const own = [Counter, Assigning, Shadowing, Redeclaring, OwnConstructor, Tidy, Fussy, Person]
const { database, query, truncate } = await testDatabase([...blog, ...own])
beforeEach(truncate)

const onlyOne = <C extends AnyEntityClass>(entity: C) =>
  database.run((session) => session.find(entity).one())

it('runs private fields, initialisers and getters of the class for a row', async () => {
  await query(`insert into counters (name, start) values ('a', 10)`)
  const counter = await onlyOne(Counter)
  expect(counter).toBeInstanceOf(Counter)
  expect([counter.step(), counter.step(), counter.upper]).toEqual([11, 12, 'A'])
  expect(Counter.hasSteps(counter)).toBe(true)
  expect(counter.log).toEqual(['made a'])
})

it('gives plain data: own properties, spread, clone, printed as declared', async () => {
  await database.run((session) => session.add(user('ann', { age: 30 })))
  const ann = await onlyOne(User)
  expect(Object.keys(ann)).toEqual([
    'id',
    'name',
    'email',
    'passwordHash',
    'age',
    'active',
    'createdAt',
  ])
  expect(structuredClone(Object.assign({}, ann))).toEqual(Object.assign({}, ann))
  expect(ann).toEqual(expect.objectContaining({ id: 1, name: 'ann', age: 30, active: true }))
  expect(ann.createdAt).toBeInstanceOf(Date)
  expect(inspect(ann)).toMatch(/^User \{\n {2}id: 1,\n {2}name: 'ann',/)
  expect(ann.label).toBe('ann <ann@example.com>')
})

it('gives JSON without a circle where both sides are loaded by a query', async () => {
  const ann = user('ann')
  await database.run((session) => session.add(new Post({ title: 'T', author: ann })))
  const [loaded] = await database.run((session) =>
    session
      .find(User)
      .options(selectinload(User.posts).options(selectinload(Post.author)))
      .toList(),
  )
  expect((await loaded?.posts)?.[0]?.author.value).toBe(loaded)
  expect(JSON.parse(JSON.stringify(loaded))).toMatchObject({
    name: 'ann',
    posts: [{ title: 'T', author: { name: 'ann' } }],
  })
})

it('gives JSON without a circle of an entity that refers to itself', async () => {
  await query('insert into people (id, boss_id) values (1, 1)')
  await database.run(async (session) => {
    const person = await session.find(Person).one()
    expect(await person.boss).toBe(person)
    expect(await person.team).toEqual([person])
    const inner = { id: 1, bossId: 1, settings: { theme: 'light' } }
    expect(person.toJSON()).toEqual({ ...inner, boss: inner, team: [inner] })
  })
})

it.each<AnyEntityClass>([Shadowing, Redeclaring])(
  'refuses $name, whose initialiser would hide a column, each time that a row is read',
  async (entity) => {
    await query(`insert into ${entity.name.toLowerCase()} (name) values ('stored')`)
    for (let time = 0; time < 2; time += 1) {
      await expect(onlyOne(entity)).rejects.toThrow(
        coded(
          'DATA_BRIDGE_ERR_SCHEMA',
          `class ${entity.name} sets name by an initialiser, a redeclaration or its constructor`,
        ),
      )
    }
  },
)

it.each([
  ['integer', 'integer', integer()],
  ['boolean', 'boolean', boolean()],
  ['double', 'double precision', double()],
] as const)(
  'says that a column is no %s where the table has another type',
  async (_, sql, column) => {
    class Legacy extends table('assigning', { id, name: column }) {}
    await query(`insert into assigning (name) values ('stored')`)
    await expect(database.run((session) => session.find(Legacy).first())).rejects.toThrow(
      coded(
        'DATA_BRIDGE_ERR_STATEMENT',
        `the column name is declared as ${sql}, but has another type in the database (in the row of Legacy with id`,
      ),
    )
  },
)

it('refuses a constructor that overwrites a column, each time that a row is read', async () => {
  await query(`insert into assigning (name) values ('stored'), ('stored')`)
  for (let time = 0; time < 2; time += 1) {
    await expect(database.run((session) => session.find(Assigning).toList())).rejects.toThrow(
      coded('DATA_BRIDGE_ERR_SCHEMA', 'class Assigning sets name'),
    )
  }
})

it('reads rows into a class whose constructor takes something else', async () => {
  await database.run((session) => session.add(new OwnConstructor('ann')))
  expect(await onlyOne(OwnConstructor)).toMatchObject({ id: 1, name: 'ann' })
})

it('gives a constructor of the class the values of the row', async () => {
  await database.run((session) => session.add(new Tidy({ name: ' ann ' })))
  await query(`insert into tidy (name) values (' bob ')`)
  const rows = await database.run((session) =>
    session
      .find(Tidy)
      .orderBy((tidy) => tidy.id.asc())
      .toList(),
  )
  expect(rows.map(({ id, name }) => [id, name])).toEqual([
    [1, 'ann'],
    [2, ' bob '],
  ])
})

it('lets the own error of a constructor through, and goes on with the next row', async () => {
  await query(`insert into fussy (name) values ('bad'), ('good')`)
  await database.run(async (session) => {
    await expect(session.get(Fussy, 1)).rejects.toThrow(RangeError)
    expect((await session.get(Fussy, 2))?.first).toBe('g')
  })
})

it('decodes the columns in the order of the class, not of the table in the database', async () => {
  await query(`drop table counters`)
  await query(
    `create table counters (start integer, extra text default 'e', name text, id serial primary key)`,
  )
  await query(`insert into counters (name, start) values ('a', 10)`)
  expect(await onlyOne(Counter)).toMatchObject({ id: 1, name: 'a', start: 10 })
})
