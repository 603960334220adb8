import { expect, it } from 'vitest'
import { belongsTo, hasMany, integer, table, text } from '../../../orm/index.ts'
import { testDatabase } from '../../support/database.ts'

class Node extends table('nodes', {
  id: integer().primaryKey().generated(),
  no: integer(),
  parentId: integer()
    .nullable()
    .references(() => Node),
  parent: () => belongsTo(Node, 'parentId'),
  children: () => hasMany(Node, 'parentId'),
}) {}

class Link extends table('links', {
  id: integer().primaryKey(),
  code: text().unique(),
  note: text().default(''),
  aboveId: integer()
    .nullable()
    .references(() => Link, { onDelete: 'cascade' }),
}) {}

const { database, query } = await testDatabase([Node, Link])
const length = 3000

it.each([
  ['set(), before one of them is added', true, 'set'],
  ['set(), after all are added', false, 'set'],
  ['add(), before one of them is added', true, 'add'],
] as const)(
  'a chain of new rows that are related by %s takes two statements',
  async (_, isFirst, by) => {
    await query('truncate nodes')
    await using session = database.session()
    const nodes = Array.from({ length }, (_item, no) => new Node({ no }))
    if (!isFirst) session.add(nodes)
    nodes.forEach((node, index) => {
      const parent = nodes[index + 1]
      if (parent === undefined) return
      if (by === 'set') node.parent.set(parent)
      else parent.children.add(node)
    })
    if (isFirst) session.add(nodes[1500] as Node)
    await session.flush()
    expect(session.stats.queryCount).toBe(2)
    await session.commit()
    const [row] = await query(`select count(*)::int as count from nodes one
    join nodes other on other.id = one.parent_id and other.no = one.no + 1`)
    expect(row).toEqual({ count: length - 1 })
  },
)

it('a chain of rows goes with its first one, with an unsaved change of the last one', async () => {
  const count = 12_000
  await using session = database.session()
  const links = Array.from(
    { length: count },
    (_item, index) =>
      new Link({ id: index, code: `c${index}`, aboveId: index === 0 ? null : index - 1 }),
  )
  session.add(links)
  await session.flush()
  const [first, last] = [links[0] as Link, links.at(-1) as Link]
  last.note = 'changed'
  session.delete(first)
  const fresh = new Link({ id: count, code: last.code })
  session.add(fresh)
  await session.flush()
  expect(await session.find(Link).toList()).toEqual([fresh])
  expect(await session.get(Link, last.id)).toBe(null)
})
