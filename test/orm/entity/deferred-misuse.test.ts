import { describe, expect, it } from 'vitest'
import { count, hasMany, integer, keyOf, table, text, undefer } from '../../../orm/index.ts'
import { tableOf } from '../../../orm/schema/table-of.ts'
import { Article, Author, press, pressRows } from '../../support/articles.ts'
import { testDatabase } from '../../support/database.ts'
import { coded } from '../../support/failure.ts'

const id = integer().primaryKey().generated()

class Letter extends table('letters', { id, body: text().deferred() }) {}

const { database, query } = await testDatabase([...press, Letter])
await query(pressRows)

describe('a wrong use', () => {
  it('of undefer() says which columns there are', async () => {
    const bad = undefer as (...given: readonly unknown[]) => never
    expect(() => bad(Article, 'title')).toThrow(
      coded(
        'DATA_BRIDGE_ERR_QUERY',
        'undefer(Article, …) expected names of deferred columns, which are body, notes, checkedAt; got the string "title"',
      ),
    )
    expect(() => bad(Article)).toThrow(coded('DATA_BRIDGE_ERR_QUERY', 'got none'))
    expect(() => bad(Article, undefined)).toThrow(coded('DATA_BRIDGE_ERR_QUERY', 'got undefined'))
    expect(() => bad(Letter, 'id')).toThrow(coded('DATA_BRIDGE_ERR_QUERY', 'which are body'))
    expect(() => bad({}, 'id')).toThrow(coded('DATA_BRIDGE_ERR_ENTITY'))
    await using session = database.session()
    expect(() => session.find(Author).options(undefer(Article, 'body') as never)).toThrow(
      coded(
        'DATA_BRIDGE_ERR_QUERY',
        'find(Author).options() expected columns of Author, got Article.body',
      ),
    )
  })

  it('is to read values with it', async () => {
    await using session = database.session()
    const loading = session.find(Article).options(undefer(Article, 'body'))
    expect(() => loading.select(({ title }) => ({ title }))).toThrow(
      coded('DATA_BRIDGE_ERR_QUERY', 'options() cannot be used with select()'),
    )
    expect(() => loading.aggregate(() => ({ all: count() }))).toThrow(
      coded('DATA_BRIDGE_ERR_QUERY', 'options() cannot be used with aggregate()'),
    )
    expect([await loading.count(), await loading.exists()]).toEqual([4, true])
  })

  it('is to defer a column that keys and relations need', () => {
    expect(() => table('t', { id: id.deferred() })).toThrow(
      coded(
        'DATA_BRIDGE_ERR_SCHEMA',
        `table('t').id is a part of the primary key and cannot be deferred`,
      ),
    )
    expect(() =>
      table('t', {
        id,
        userId: integer()
          .references(() => Author)
          .deferred(),
      }),
    ).toThrow(
      coded('DATA_BRIDGE_ERR_SCHEMA', `table('t').userId is a foreign key and cannot be deferred`),
    )
    expect(() =>
      table(
        't',
        { id, no: integer().deferred() },
        { foreignKeys: [{ columns: ['no'], references: () => keyOf(Author) }] },
      ),
    ).toThrow(coded('DATA_BRIDGE_ERR_SCHEMA', `table('t').no is a part of a foreign key`))
    class Owner extends table('owners', {
      id,
      no: integer().deferred(),
      parts: () => hasMany(Part, 'ownerId'),
      letters: () => hasMany(Parcel, 'ownerNo'),
    }) {}
    class Part extends table('parts', { id, ownerId: integer().deferred() }) {}
    class Parcel extends table(
      'parcels',
      { id, ownerNo: integer().nullable() },
      { foreignKeys: [{ columns: ['ownerNo'], references: () => keyOf(Owner, ['no']) }] },
    ) {}
    expect(() => tableOf(Owner).relations).toThrow(
      coded('DATA_BRIDGE_ERR_SCHEMA', 'Owner.parts uses Part.ownerId, which is deferred'),
    )
    expect(() => tableOf(Parcel).foreignKeys).toThrow(
      coded('DATA_BRIDGE_ERR_SCHEMA', 'Parcel.ownerNo uses Owner.no, which is deferred'),
    )
  })
})
