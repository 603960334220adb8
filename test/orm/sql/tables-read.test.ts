import { expect, it } from 'vitest'
import { belongsTo, hasMany, integer, manyToMany, type Session, table } from '../../../orm/index.ts'
import { testDatabase } from '../../support/database.ts'
import { recordWire } from '../../support/recorder.ts'

class Node extends table('nodes', {
  id: integer().primaryKey(),
  parentId: integer().nullable(),
  parent: () => belongsTo(Parent, 'parentId'),
  leaves: () => hasMany(Leaf, 'nodeId'),
  marks: () => manyToMany(Mark, { through: Link, from: 'nodeId', to: 'markId' }),
}) {}
class Parent extends table('parents', {
  id: integer().primaryKey(),
  n: integer().default(1),
  leaves: () => hasMany(Leaf, 'parentId'),
}) {}
class Leaf extends table('leaves', {
  id: integer().primaryKey(),
  nodeId: integer().nullable(),
  parentId: integer().nullable(),
  markId: integer().nullable(),
  mark: () => belongsTo(Mark, 'markId'),
}) {}
class Mark extends table('marks', { id: integer().primaryKey(), n: integer().default(1) }) {}
class Link extends table('links', {
  id: integer().primaryKey(),
  nodeId: integer(),
  markId: integer(),
}) {}

const all = [Node, Parent, Leaf, Mark, Link] as const
const { query, truncate, url } = await testDatabase(all)

const rows = {
  parent: () => new Parent({ id: 1 }),
  leafOfNode: () => new Leaf({ id: 1, nodeId: 1, markId: 1 }),
  leafOfParent: () => new Leaf({ id: 2, parentId: 1 }),
  mark: () => new Mark({ id: 1 }),
  link: () => new Link({ id: 1, nodeId: 1, markId: 1 }),
}

it.each<[string, (keyof typeof rows)[], (session: Session) => Promise<number>]>([
  [
    'a joined table',
    ['parent'],
    (session) =>
      session
        .find(Node)
        .filter((row) => row.parent.n.eq(1))
        .count(),
  ],
  [
    'a joined table of an order',
    ['parent'],
    async (session) =>
      (
        await session
          .find(Node)
          .orderBy((row) => row.parent.n.asc())
          .select((row) => ({ id: row.id }))
          .toList()
      ).length,
  ],
  [
    'a joined table of a selected value',
    ['parent'],
    async (session) =>
      (
        await session
          .find(Node)
          .select((row) => ({ n: row.parent.n }))
          .one()
      ).n ?? 0,
  ],
  [
    'a table of has',
    ['parent'],
    (session) =>
      session
        .find(Node)
        .filter((row) => row.parent.has())
        .count(),
  ],
  [
    'a table of any',
    ['leafOfNode'],
    (session) =>
      session
        .find(Node)
        .filter((row) => row.leaves.any())
        .count(),
  ],
  [
    'a table of a count',
    ['leafOfNode'],
    async (session) =>
      (
        await session
          .find(Node)
          .select((row) => ({ n: row.leaves.count() }))
          .one()
      ).n,
  ],
  [
    'a table of a count in an order',
    ['leafOfNode'],
    async (session) =>
      (
        await session
          .find(Node)
          .orderBy((row) => row.leaves.count().asc())
          .toList()
      ).length,
  ],
  [
    'a table behind a joined one',
    ['parent', 'leafOfParent'],
    (session) =>
      session
        .find(Node)
        .filter((row) => row.parent.leaves.any())
        .count(),
  ],
  [
    'a table that is joined in a sub-query',
    ['leafOfNode', 'mark'],
    (session) =>
      session
        .find(Node)
        .filter((row) => row.leaves.any((leaf) => leaf.mark.n.eq(1)))
        .count(),
  ],
  [
    'a table between two, and the one behind it',
    ['mark', 'link'],
    (session) =>
      session
        .find(Node)
        .filter((row) => row.marks.any())
        .count(),
  ],
  [
    'a table between two of a count',
    ['mark', 'link'],
    async (session) =>
      (
        await session
          .find(Node)
          .select((row) => ({ n: row.marks.count() }))
          .one()
      ).n,
  ],
])('what was added to %s is written before, cold and warm', async (_, read, ask) => {
  await using wire = recordWire(url)
  for (const pending of read) {
    for (let time = 0; time < 2; time += 1) {
      await truncate()
      await query('insert into nodes values (1, 1)')
      await using session = wire.database.session()
      for (const name of read) if (name !== pending) session.add(rows[name]())
      await session.commit()
      session.add(rows[pending]())
      wire.clear()
      expect(await ask(session)).toBe(1)
      expect(wire.texts.map((text) => text.split(' ')[0])).toEqual(['begin', 'insert', 'select'])
      await session.rollback()
    }
  }
})
