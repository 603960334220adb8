import { beforeEach, describe, expect, it } from 'vitest'
import { integer, table, text, timestamptz } from '../../../orm/index.ts'
import { testDatabase } from '../../support/database.ts'
import { failure } from '../../support/failure.ts'

let clock = 0
let calls = 0
const tick = (): Date => {
  calls += 1
  return new Date((clock += 1000))
}

class Note extends table('notes', {
  id: integer().primaryKey().generated(),
  body: text(),
  updatedAt: timestamptz().onUpdate(tick),
  by: text()
    .nullable()
    .onUpdate(() => 'library'),
  createdAt: timestamptz().defaultNow().onUpdate(tick),
}) {}

class Wrong extends table('wrongs', {
  id: integer().primaryKey(),
  body: text(),
  stamp: integer().onUpdate(() => 'now' as never),
}) {}

const { database, query, truncate } = await testDatabase([Note, Wrong])
beforeEach(async () => {
  await truncate()
  clock = 0
  calls = 0
})

const at = (seconds: number): Date => new Date(seconds * 1000)

describe('onUpdate', () => {
  it('makes the value of an INSERT that gives none, where the column has no default', async () => {
    const own = new Note({ body: 'own', updatedAt: at(77), by: null })
    const note = new Note({ body: 'made' })
    expect([note.updatedAt, note.by]).toEqual([undefined, undefined])
    await database.run((session) => session.add(own, note))
    expect(own).toMatchObject({ updatedAt: at(77), by: null })
    expect(note).toMatchObject({ updatedAt: at(1), by: 'library' })
    expect(note.createdAt.getTime()).toBeGreaterThan(at(1000).getTime())
    expect(calls).toBe(1)
    expect(await query('select body, updated_at, by from notes order by body')).toEqual([
      { body: 'made', updated_at: at(1), by: 'library' },
      { body: 'own', updated_at: at(77), by: null },
    ])
  })

  it.each([1, 3])(
    'makes the value of an UPDATE that the program did not set, of %i',
    async (count) => {
      const notes = Array.from({ length: count }, () => new Note({ body: 'x', by: null }))
      await database.run(async (session) => {
        session.add(notes)
        await session.flush()
        clock = 100_000
        for (const note of notes) note.body = 'changed'
        if (notes[0]) notes[0].updatedAt = at(5)
        await session.flush()
        const [set, ...made] = notes.map(({ updatedAt }) => updatedAt.getTime())
        expect(set).toBe(5_000)
        expect(made.every((time) => time > 100_000)).toBe(true)
        expect(new Set(notes.map(({ by }) => by))).toEqual(new Set(['library']))
        const { queryCount } = session.stats
        await session.flush()
        expect(session.stats.queryCount).toBe(queryCount)
      })
      expect(await query('select updated_at, by from notes order by id')).toEqual(
        notes.map(({ updatedAt, by }) => ({ updated_at: updatedAt, by })),
      )
    },
  )

  it('leaves a row alone that has no other changes, and calls nothing for it', async () => {
    await database.run((session) => session.add(new Note({ body: 'x' })))
    calls = 0
    await database.run(async (session) => {
      const note = await session.find(Note).one()
      const { queryCount } = session.stats
      await session.flush()
      note.body = String(note.body)
      await session.find(Note).count()
      await session.commit()
      expect(session.stats.queryCount).toBe(queryCount + 1)
    })
    expect(calls).toBe(0)
  })

  it('is called once for a row, whatever is asked before it is written', async () => {
    await using session = database.session()
    session.add(new Note({ body: 'x' }))
    await session.flush()
    calls = 0
    const [note] = await session.find(Note).toList()
    if (note) note.body = 'y'
    expect(session.hasUnsaved).toBe(true)
    await session.commit()
    // One for each of the two columns.
    expect(calls).toBe(2)
  })

  it('leaves the entity as it was where the flush fails before it', async () => {
    await using session = database.session()
    session.add(new Note({ body: 'x' }))
    await session.commit()
    const note = await session.find(Note).one()
    const before = note.updatedAt
    note.body = 'y'
    await query('delete from notes')
    await failure('DATA_BRIDGE_ERR_STALE', () => session.flush())
    expect(note.updatedAt).toBe(before)
    await session.rollback()
  })

  it('refuses a value that the column cannot hold', async () => {
    const error = await failure('DATA_BRIDGE_ERR_TYPE', () =>
      database.run((session) => session.add(new Wrong({ id: 1, body: 'x' }))),
    )
    expect(error.message).toContain('Wrong.stamp expected a number')
  })
})
