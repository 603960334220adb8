import { beforeEach, describe, expect, it } from 'vitest'
import { array, custom, integer, table, text } from '../../../orm/index.ts'
import { testDatabase } from '../../support/database.ts'
import { coded } from '../../support/failure.ts'

const strict = custom<string>({
  sql: 'text',
  decode(given) {
    if (given === 'unreadable') throw new Error('cannot be read')
    return given
  },
  encode: (value) => value,
})

class Label extends table('labels', { id: integer().primaryKey().generated(), name: strict }) {}
class Shelf extends table('shelves', {
  id: integer().primaryKey().generated(),
  names: array(strict),
}) {}

class Plain extends table('plain', { id: integer().primaryKey().generated(), name: text() }) {}

const { database, query, truncate } = await testDatabase([Label, Shelf, Plain])
beforeEach(truncate)

// The second time, nothing has to be asked about the table before.
describe.each([1, 2])('a value that its column cannot read again, the time %i', () => {
  it('is not saved by a commit that fails: inserted', async () => {
    for (const added of [new Label({ name: 'unreadable' }), new Shelf({ names: ['unreadable'] })]) {
      await expect(database.run((session) => session.add(added))).rejects.toThrow(
        coded('DATA_BRIDGE_ERR_STATEMENT', 'could not be decoded'),
      )
    }
    expect(await query('select from labels')).toEqual([])
    expect(await query('select from shelves')).toEqual([])
  })

  it('is not saved by a commit that fails: updated', async () => {
    await query(`insert into labels (name) values ('first')`)
    const change = database.run(async (session) => {
      const label = await session.getOrThrow(Label, 1)
      label.name = 'unreadable'
    })
    await expect(change).rejects.toThrow(coded('DATA_BRIDGE_ERR_STATEMENT', 'could not be decoded'))
    expect(await query('select name from labels')).toEqual([{ name: 'first' }])
  })
})

describe('a flush whose result cannot be taken over', () => {
  it('leaves nothing that a later commit saves', async () => {
    await using session = database.session()
    const label = new Label({ name: 'unreadable' })
    session.add(label)
    await expect(session.flush()).rejects.toThrow(coded('DATA_BRIDGE_ERR_STATEMENT'))
    session.delete(label)
    await expect(session.commit()).rejects.toThrow(coded('DATA_BRIDGE_ERR_COMMIT_FAILED'))
    expect(await query('select from labels')).toEqual([])
  })

  it('leaves no change that the program has taken back meanwhile', async () => {
    await query(`insert into labels (name) values ('a'), ('b')`)
    await using session = database.session()
    const [first, second] = await session.getMany(Label, [1, 2])
    await query('delete from labels where id = 2')
    first!.name = 'c'
    second!.name = 'd'
    await expect(session.flush()).rejects.toThrow(coded('DATA_BRIDGE_ERR_STALE'))
    first!.name = 'a'
    second!.name = 'b'
    await expect(session.commit()).rejects.toThrow(coded('DATA_BRIDGE_ERR_COMMIT_FAILED'))
    expect(await query('select name from labels')).toEqual([{ name: 'a' }])
  })
})

it('saves no entity that was frozen after it was added', async () => {
  await using session = database.session()
  const plain = new Plain({ name: 'frozen' })
  session.add(plain)
  Object.freeze(plain)
  await expect(session.commit()).rejects.toThrow(TypeError)
  await session.rollback()
  expect(await query('select from plain')).toEqual([])
})
