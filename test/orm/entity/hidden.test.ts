import { format, inspect } from 'node:util'
import { beforeEach, describe, expect, it } from 'vitest'
import { belongsTo, hasMany, integer, selectinload, table, text } from '../../../orm/index.ts'
import { testDatabase } from '../../support/database.ts'
import { blog, Post, User } from '../../support/entities.ts'
import { coded } from '../../support/failure.ts'

const secret = 'a secret that nobody sees'

class Account extends table('accounts', {
  id: integer().primaryKey().generated(),
  token: text().hidden(),
  label: text(),
  ownerId: integer()
    .nullable()
    .references(() => Account),
  owner: () => belongsTo(Account, 'ownerId'),
  owned: () => hasMany(Account, 'ownerId'),
}) {
  override toJSON(): Record<string, unknown> {
    return { ...super.toJSON(), kind: 'account' }
  }
}

const { database, query, truncate, url } = await testDatabase([...blog, Account])

beforeEach(async () => {
  await truncate()
  await query(`insert into users (name, email, password_hash) values ('ann', 'ann', $1)`, [secret])
  await query(`insert into posts (title, author_id) values ('one', 1), ('two', 1)`)
  await query(`insert into accounts (token, label, owner_id) values ($1, 'a', 1), ($1, 'b', 1)`, [
    secret,
  ])
})

const ann = (): Promise<User> =>
  database.run((session) =>
    session
      .find(User)
      .options(selectinload(User.posts).options(selectinload(Post.author)))
      .one(),
  )

const account = (): Promise<Account> =>
  database.run((session) =>
    session
      .find(Account)
      .filter({ id: 1 })
      .options(selectinload(Account.owned), selectinload(Account.owner))
      .one(),
  )

// Like a request body: JSON.parse makes `__proto__` an ordinary key.
const refused = [
  '{"toJSON": 1}',
  '{"toJSON": null}',
  '{"toJSON": {"name": "x"}}',
  '{"__proto__": {"toJSON": 1}}',
  '{"__proto__": null}',
]
const harmless = [
  '{"constructor": {"name": "x"}}',
  '{"constructor": 1}',
  '{"then": 1}',
  '{"inspect": 1, "Symbol(nodejs.util.inspect.custom)": 1}',
  '{"prototype": 1, "valueOf": 1, "toString": 1, "hasOwnProperty": 1, "isPrototypeOf": 1}',
  '{"name": {"toJSON": 1}}',
]

/** What is refused; undefined where nothing is. */
function refusal(work: () => unknown): unknown {
  try {
    work()
    return undefined
  } catch (error) {
    return error
  }
}

describe.each([...refused, ...harmless])('Object.assign(entity, %s)', (body) => {
  it.each([
    ['a class', ann],
    ['a class with its own toJSON', account],
  ])('shows no hidden column of %s', async (_, load) => {
    const entity = await load()
    const error = refusal(() => Object.assign(entity, JSON.parse(body)))
    expect(error).toEqual(
      refused.includes(body)
        ? coded('DATA_BRIDGE_ERR_ENTITY', 'cannot be assigned to an entity')
        : undefined,
    )
    expect(JSON.stringify({ list: [entity] })).not.toContain(secret)
    expect(inspect({ list: [entity] }, { depth: 9, showHidden: true })).not.toContain(secret)
  })
})

it('follows the toJSON of a class, behind relations too', async () => {
  const shown = { kind: 'account', label: 'a', id: 1, ownerId: 1 }
  const entity = await account()
  expect(entity.toJSON()).toEqual({
    ...shown,
    owner: shown,
    owned: [shown, { ...shown, id: 2, label: 'b' }],
  })
})

describe('console.log', () => {
  const ways: Readonly<Record<string, (value: unknown) => string>> = {
    'as it is': (value) => format(value),
    'in an array': (value) => format([[value]]),
    'in an object': (value) => format({ a: { b: { c: value } } }),
    '%o': (value) => format('%o', value),
    '%O': (value) => format('%O', { value }),
    everything: (value) => inspect(value, { depth: null, showHidden: true, getters: true }),
    'in one line': (value) => inspect(value, { breakLength: Infinity, compact: true, depth: 0 }),
    'in a map and an error': (value) =>
      inspect([new Map([[value, value]]), Object.assign(new Error('x'), { value })], { depth: 5 }),
  }

  it.each(Object.keys(ways))('prints no hidden column: %s', async (way) => {
    const entity = await ann()
    const text = ways[way]?.(entity)
    expect(text).not.toContain(secret)
    expect(text).not.toContain('passwordHash')
    expect(text).not.toContain(new URL(url).password || 'postgresql://')
  })

  it('prints the class, the columns and the loaded relations in short', async () => {
    const entity = await ann()
    Object.assign(entity, { createdAt: new Date(0), note: 'of the program' })
    expect(inspect(entity)).toBe(
      [
        'User {',
        '  id: 1,',
        "  name: 'ann',",
        "  email: 'ann',",
        '  age: null,',
        '  active: true,',
        '  createdAt: 1970-01-01T00:00:00.000Z,',
        "  note: 'of the program',",
        '  posts: [Relation Post[] of 2]',
        '}',
      ].join('\n'),
    )
    expect(inspect({ a: { b: { c: entity } } })).toContain('[User]')
  })

  it('prints a relation in short, and nothing of its session', async () => {
    await using session = database.session()
    const [one] = await session.find(Post).toList()
    const relations = (): string => inspect([one?.author, one?.comments], { showHidden: true })
    expect(relations()).toMatch(/^\[\s*\[Relation User not loaded\],\s*\[Relation Comment\[\] not/)
    await one?.author
    await one?.comments
    expect(relations()).toMatch(/^\[\s*\[Relation User 1\],\s*\[Relation Comment\[\] of 0\]/)
  })
})

it('leaves an entity plain data: keys, spread, clone, comparison', async () => {
  const entity = await ann()
  const columns = ['id', 'name', 'email', 'passwordHash', 'age', 'active', 'createdAt']
  expect(Reflect.ownKeys(entity)).toEqual(columns)
  // oxlint-disable-next-line typescript/no-misused-spread -- that it can be spread is what is tested
  const copy = { ...entity }
  expect(structuredClone(copy)).toEqual(copy)
  expect(entity).toEqual(expect.objectContaining({ name: 'ann', passwordHash: secret }))
  expect('toJSON' in copy).toBe(false)
})
