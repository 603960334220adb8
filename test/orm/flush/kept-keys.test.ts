import { beforeEach, describe, expect, it } from 'vitest'
import { integer, table, text } from '../../../orm/index.ts'
import { testDatabase } from '../../support/database.ts'
import { coded } from '../../support/failure.ts'

class Ticket extends table('tickets', {
  id: integer().primaryKey().generated(),
  title: text(),
  parentId: integer()
    .nullable()
    .references(() => Ticket, { onDelete: 'cascade' }),
}) {}

const { database, query, truncate } = await testDatabase()
await query(`create table tickets (id int primary key generated always as identity, title text not null,
  parent_id int references tickets on delete cascade)`)
beforeEach(truncate)

const stored = async (): Promise<unknown[]> =>
  (await query(`select id || ' ' || title as row from tickets order by id`)).map(({ row }) => row)

describe('a row whose key is always made by the database is inserted again with its key', () => {
  it('after a rollback', async () => {
    await using session = database.session()
    const ticket = new Ticket({ title: 'one' })
    session.add(ticket)
    await session.flush()
    await session.rollback()
    session.add(ticket, new Ticket({ title: 'two' }))
    await session.commit()
    expect(await stored()).toEqual(['1 one', '2 two'])
  })

  it('after a rollback to a savepoint', async () => {
    const ticket = new Ticket({ title: 'one' })
    await database.run(async (session) => {
      const attempt = session.transaction(async () => {
        session.add(ticket)
        await session.flush()
        throw new Error('no')
      })
      await expect(attempt).rejects.toThrow('no')
      session.add(ticket)
    })
    expect(await stored()).toEqual(['1 one'])
  })

  it('after it was deleted, by the program or with another row', async () => {
    await database.run(async (session) => {
      const parent = new Ticket({ title: 'one' })
      session.add(parent)
      await session.flush()
      const child = new Ticket({ title: 'two', parentId: parent.id })
      session.add(child)
      await session.flush()
      session.delete(parent)
      await session.flush()
      session.add(parent, child)
    })
    expect(await stored()).toEqual(['1 one', '2 two'])
  })

  it('and a key that the program has chosen is refused, then and later', async () => {
    const ticket = new Ticket({ id: 7, title: 'one' })
    await using session = database.session()
    for (let attempt = 1; attempt <= 2; attempt += 1) {
      session.add(ticket)
      await expect(session.flush()).rejects.toThrow(coded('DATA_BRIDGE_ERR_STATEMENT'))
      await session.rollback()
    }
    expect(await stored()).toEqual([])
  })
})
