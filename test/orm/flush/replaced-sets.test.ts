import { beforeEach, describe, expect, it } from 'vitest'
import { boolean, integer, numeric, type Session, table, text } from '../../../orm/index.ts'
import { testDatabase } from '../../support/database.ts'
import { blog, Comment, Post, user } from '../../support/entities.ts'
import { coded } from '../../support/failure.ts'
import { recordWire } from '../../support/recorder.ts'

class Label extends table(
  'labels',
  { postId: integer().primaryKey(), name: text().primaryKey(), weight: integer().default(0) },
  {},
) {}
class Seat extends table(
  'seats',
  {
    id: integer().primaryKey().generated(),
    room: integer(),
    number: integer(),
    code: text().nullable().unique(),
    badge: text(),
    price: numeric({ precision: 8, scale: 2 }).nullable(),
    isOpen: boolean().default(true),
  },
  { unique: [['room', 'number']] },
) {}
class Box extends table('boxes', {
  id: integer().primaryKey().generated(),
  code: text().nullable().unique(),
}) {}
class Node extends table('nodes', {
  id: integer().primaryKey(),
  slug: text().unique(),
  name: text().default(''),
  parentId: integer()
    .nullable()
    .references(() => Node),
}) {}

const { database, query, truncate, url } = await testDatabase([...blog, Label, Seat, Box, Node])
await query(`
  create unique index on seats (lower(badge)) where is_open;
  create unique index on seats (price);
  alter table seats add column shelf int unique deferrable initially immediate`)
class Shelf extends table('seats', {
  id: integer().primaryKey(),
  shelf: integer().nullable(),
}) {}
beforeEach(truncate)

const seat = (number: number, code: string | null = null, more: object = {}): Seat =>
  new Seat({ room: 1, number, code, badge: `badge ${number}`, ...more })

/** The statements of one flush as `delete labels`. */
async function writes(
  prepare: (session: Session) => unknown,
  work: (session: Session) => unknown,
): Promise<string[]> {
  await using wire = recordWire(url)
  await wire.database.run(async (session) => {
    await prepare(session)
    await session.flush()
    wire.clear()
    await work(session)
    await session.flush()
  })
  return wire.texts.flatMap((each) => {
    const [, verb, name] = /^(insert into|update|delete from) "(\w+)"/.exec(each) ?? []
    return verb === undefined ? [] : [`${verb.split(' ')[0]} ${name}`]
  })
}

describe('what a deleted row frees goes first', () => {
  it('where it is a primary key of several columns, and all else stays one statement', async () => {
    const make = (name: string, weight: number): Label => new Label({ postId: 1, name, weight })
    const old = ['a', 'b', 'c'].map((name) => make(name, 1))
    const fresh = ['b', 'c', 'd'].map((name) => make(name, 2))
    const sent = await writes(
      (session) => session.add(old),
      (session) => {
        session.add(fresh)
        session.delete(old)
      },
    )
    expect(sent).toEqual(['delete labels', 'insert labels'])
    expect(await query('select name, weight from labels order by name')).toEqual(
      ['b', 'c', 'd'].map((name) => ({ name, weight: 2 })),
    )
  })

  it.each<[string, Partial<Seat>, Partial<Seat>]>([
    ['a unique column', { code: 'A' }, { code: 'A' }],
    ['a unique list of columns', { number: 1 }, { number: 1 }],
    ['a unique index of an expression that only the database has', { badge: 'X' }, { badge: 'x' }],
    ['a number that is written in another way', { price: '1.50' }, { price: '1.5' }],
  ])('where it is %s', async (_, one, other) => {
    const old = seat(1, null, one)
    const sent = await writes(
      (session) => session.add(old),
      (session) => {
        session.add(seat(2, null, other))
        session.delete(old)
      },
    )
    expect(sent).toEqual(['delete seats', 'insert seats'])
    expect(await query('select from seats')).toHaveLength(1)
  })

  it('gives the identity to the new entity', async () => {
    await using session = database.session()
    const [old, fresh] = [1, 2].map((weight) => new Label({ postId: 1, name: 'a', weight }))
    session.add(old!)
    await session.commit()
    session.delete(old!)
    session.add(fresh!)
    await session.commit()
    expect(await session.get(Label, { postId: 1, name: 'a' })).toBe(fresh)
    expect(() => session.delete(old!)).toThrow(coded('DATA_BRIDGE_ERR_DETACHED'))
  })

  it('with the rows that refer to it, those first', async () => {
    const author = user('ann')
    const post = new Post({ title: 'T', author })
    const comment = new Comment({ body: 'B', post })
    const other = user('other')
    const sent = await writes(
      (session) => session.add(comment, other),
      (session) => {
        session.delete(author, post, comment, other)
        session.add(new Post({ title: 'T', author: user('ann') }))
      },
    )
    expect(sent).toEqual([
      'delete comments',
      'delete posts',
      'delete users',
      'insert users',
      'insert posts',
    ])
  })

  it('after an update that moves a row away from it', async () => {
    const [ann, bob] = [user('ann'), user('bob')]
    const post = new Post({ title: 'T', author: ann })
    const sent = await writes(
      (session) => session.add(post, bob),
      (session) => {
        post.authorId = bob.id
        session.delete(ann)
        session.add(user('ann'))
      },
    )
    expect(sent).toEqual(['update posts', 'delete users', 'insert users'])
    expect(await query('select author_id from posts')).toEqual([{ author_id: bob.id }])
  })

  it('where an update takes it', async () => {
    const [one, other] = [seat(1, 'A'), seat(2, 'B')]
    const sent = await writes(
      (session) => session.add(one, other),
      (session) => {
        session.delete(one)
        other.code = 'A'
      },
    )
    expect(sent).toEqual(['delete seats', 'update seats'])
  })

  it('where the update that takes it also leaves the deleted row', async () => {
    const parent = new Node({ id: 1, slug: 'top' })
    const child = new Node({ id: 2, slug: 'child', parentId: 1 })
    const sent = await writes(
      (session) => session.add(parent, child),
      (session) => {
        session.delete(parent)
        child.slug = 'top'
        child.parentId = null
        child.name = 'now the top'
      },
    )
    expect(sent).toEqual(['update nodes', 'delete nodes', 'update nodes'])
    expect(await query('select * from nodes')).toEqual([
      { id: 2, slug: 'top', name: 'now the top', parent_id: null },
    ])
    expect(child).toMatchObject({ slug: 'top', name: 'now the top', parentId: null })
  })
})

describe('what an update frees goes first', () => {
  it('where an insert takes it', async () => {
    const old = seat(1, 'A')
    const other = seat(2, 'B')
    const sent = await writes(
      (session) => session.add(old, other),
      (session) => {
        old.code = 'old'
        other.isOpen = false
        session.add(seat(3, 'A'))
      },
    )
    expect(sent).toEqual(['update seats', 'insert seats'])
  })

  it('where it frees it by leaving an index with a condition', async () => {
    const old = seat(1, null, { badge: 'X' })
    const sent = await writes(
      (session) => session.add(old),
      (session) => {
        old.isOpen = false
        session.add(seat(2, null, { badge: 'X' }))
      },
    )
    expect(sent).toEqual(['update seats', 'insert seats'])
  })

  it('where other updates take it, one after the other', async () => {
    const seats = [1, 2, 3, 4].map((number) => seat(number))
    const sent = await writes(
      (session) => session.add(seats),
      () => seats.forEach((each) => (each.number += 1)),
    )
    expect(sent).toEqual(Array(4).fill('update seats'))
    expect(await query('select number from seats order by id')).toEqual(
      [2, 3, 4, 5].map((number) => ({ number })),
    )
  })

  it('by NULL, where rows exchange their values', async () => {
    const seats = ['A', 'B', 'C'].map((code, index) => seat(index, code))
    const sent = await writes(
      (session) => session.add(seats),
      () => {
        seats.forEach((each, index) => (each.code = 'BCA'.charAt(index)))
        seats[1]!.isOpen = false
      },
    )
    expect(sent[0]).toBe('update seats')
    expect(sent.length).toBeLessThanOrEqual(4)
    expect(await query('select code, is_open from seats order by id')).toEqual([
      { code: 'B', is_open: true },
      { code: 'C', is_open: false },
      { code: 'A', is_open: true },
    ])
    expect(seats.map(({ code }) => code)).toEqual(['B', 'C', 'A'])
  })

  it('but where nothing can be NULL, PostgreSQL refuses the exchange', async () => {
    const seats = [1, 2].map((number) => seat(number))
    await database.run((session) => session.add(seats))
    const work = database.run(async (session) => {
      const [one, other] = await session.find(Seat).toList()
      ;[one!.number, other!.number] = [other!.number, one!.number]
    })
    await expect(work).rejects.toThrow(coded('DATA_BRIDGE_ERR_UNIQUE'))
    expect(await query('select number from seats order by id')).toEqual([
      { number: 1 },
      { number: 2 },
    ])
  })

  it('and where PostgreSQL checks the key at the end of a statement, one statement is enough', async () => {
    await database.run((session) => session.add(seat(1), seat(2)))
    await query('update seats set shelf = number')
    await using wire = recordWire(url)
    await wire.database.run(async (session) => {
      const [one, other] = await session
        .find(Shelf)
        .orderBy((each) => each.id.asc())
        .toList()
      wire.clear()
      ;[one!.shelf, other!.shelf] = [2, 1]
      await session.flush()
      expect(wire.texts.filter((each) => each !== 'begin')).toHaveLength(1)
    })
    expect(await query('select shelf from seats order by id')).toEqual([{ shelf: 2 }, { shelf: 1 }])
  })
})

describe('without a value that is taken again', () => {
  it('the order stays: inserts, updates, deletes', async () => {
    const [changed, deleted] = [new Box({ code: 'A' }), new Box({ code: 'B' })]
    const sent = await writes(
      (session) => session.add(changed, deleted),
      (session) => {
        changed.code = 'C'
        session.delete(deleted)
        session.add(new Box({ code: 'D' }))
      },
    )
    expect(sent).toEqual(['insert boxes', 'update boxes', 'delete boxes'])
  })

  it('NULL is taken by nobody: the order stays', async () => {
    const old = new Box({ code: null })
    const sent = await writes(
      (session) => session.add(old),
      (session) => {
        session.delete(old)
        session.add(new Box({ code: null }))
      },
    )
    expect(sent).toEqual(['insert boxes', 'delete boxes'])
  })
})

it('a replaced set of five hundred rows is two statements', async () => {
  const make = (weight: number): Label[] =>
    Array.from({ length: 500 }, (_, index) => new Label({ postId: index, name: 'a', weight }))
  const old = make(1)
  const sent = await writes(
    (session) => session.add(old),
    (session) => {
      session.delete(old)
      session.add(make(2))
    },
  )
  expect(sent).toEqual(['delete labels', 'insert labels'])
})
