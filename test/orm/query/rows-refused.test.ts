import { describe, expect, it } from 'vitest'
import { type Condition, count, exists, type Session } from '../../../orm/index.ts'
import { testDatabase } from '../../support/database.ts'
import { coded } from '../../support/failure.ts'
import { Author, Book, fillLibrary, library } from '../relations/library.ts'

const created = await testDatabase(library)
const { database } = created
const QUERY = 'DATA_BRIDGE_ERR_QUERY'
await fillLibrary(created)

const sales = (session: Session) =>
  session.find(Book).select((book) => ({ title: book.title, sales: book.sales }))

describe('rows refuse', () => {
  const given = (session: Session) => sales(session)
  it.each<[string, (rows: ReturnType<typeof given>) => unknown, string]>([
    [
      'a column that was not selected',
      (rows) =>
        rows.filter((row) => (row as never as { id: { eq(value: number): never } }).id.eq(1)),
      'the selected rows of Book have no id; they have title and sales',
    ],
    [
      'a filter that is no callback',
      (rows) => rows.filter({ title: 'x' } as never),
      'find(Book).select().filter() expected',
    ],
    [
      'a condition that is none',
      (rows) => rows.filter(() => true as never),
      'find(Book).select().filter() expected',
    ],
    [
      'a column as an order',
      (rows) => rows.orderBy((row) => row.title as never),
      'find(Book).select().orderBy() expected orders',
    ],
    [
      'a limit below 0',
      (rows) => rows.limit(-1),
      'find(Book).select().limit() expected an integer from 0',
    ],
    [
      'a part of a row',
      (rows) => rows.offset(0.5),
      'find(Book).select().offset() expected an integer from 0',
    ],
    [
      'to select nothing',
      (rows) => rows.select(() => ({})),
      'find(Book).select() expected columns or sql templates, got none',
    ],
    [
      'values beside aggregates',
      (rows) => rows.select((row) => ({ title: row.title, n: count() })),
      'find(Book).select() expected values of each row or aggregates of all, got both',
    ],
    [
      'aggregates of a page',
      (rows) => rows.limit(1).groupBy(() => 1 as never),
      'find(Book).select().groupBy() expected columns',
    ],
    [
      'to be written as JSON',
      (rows) => JSON.stringify(rows),
      'find(Book).select() was to be written as JSON',
    ],
    [
      'groups to be written as JSON',
      (rows) => JSON.stringify(rows.groupBy((row) => row.title)),
      'find(Book).select().groupBy() was to be written as JSON',
    ],
  ])('%s', async (_, call, message) => {
    await using session = database.session()
    expect(() => call(given(session))).toThrow(
      expect.objectContaining({ details: expect.stringContaining(message) }),
    )
  })

  it('aggregates of all before a page that would cut the rows', async () => {
    await using session = database.session()
    expect(() =>
      session
        .find(Book)
        .limit(3)
        .select(() => ({ n: count() })),
    ).toThrow(
      coded(QUERY, 'find(Book).select() gives one row of all that match, and expected no limit()'),
    )
    expect(
      await sales(session)
        .limit(3)
        .select(() => ({ n: count() }))
        .toList(),
    ).toEqual([{ n: 3 }])
  })

  it('columns of another query that were kept, cold and warm', async () => {
    await using session = database.session()
    let kept: { gt(value: number): never } | undefined
    sales(session).filter((row) => ((kept = row.sales as never), row.sales.gt(1)))
    for (let time = 0; time < 2; time += 1)
      await expect(
        session
          .find(Author)
          .select((row) => ({ id: row.id }))
          .filter(() => kept?.gt(1) as never)
          .toList(),
      ).rejects.toThrow(coded(QUERY, 'kept from the callback of another query'))
  })

  it('more levels than PostgreSQL takes in', async () => {
    await using session = database.session()
    const nested = (levels: number) => {
      let rows = sales(session)
      for (let level = 0; level < levels; level += 1)
        rows = rows.limit(7).filter((row) => row.sales.gt(0))
      return rows
    }
    expect(await nested(90).count()).toBe(7)
    expect(() => nested(200)).toThrow(coded('DATA_BRIDGE_ERR_INVALID_VALUE', 'at most 1000 levels'))
    expect(() => nested(20_000)).toThrow(coded('DATA_BRIDGE_ERR_INVALID_VALUE'))
    const united = (levels: number) => {
      let rows = sales(session)
      for (let level = 0; level < levels; level += 1) rows = rows.union(sales(session))
      return rows
    }
    expect(await united(50).count()).toBe(7)
    expect(() => united(200)).toThrow(coded('DATA_BRIDGE_ERR_INVALID_VALUE'))
    const inside = (levels: number): Condition =>
      exists(
        session.find(Book).filter((book) => (levels === 0 ? book.id.eq(1) : inside(levels - 1))),
      )
    expect(
      await session
        .find(Book)
        .filter(() => inside(90))
        .count(),
    ).toBe(7)
    expect(() => session.find(Book).filter(() => inside(200))).toThrow(
      coded('DATA_BRIDGE_ERR_INVALID_VALUE'),
    )
  })
})
