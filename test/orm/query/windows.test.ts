import { beforeAll, describe, expect, it } from 'vitest'
import {
  avg,
  count,
  cumeDist,
  denseRank,
  type Expression,
  firstValue,
  lag,
  lastValue,
  lead,
  max,
  ntile,
  over,
  percentRank,
  rank,
  type RefsOf,
  rowNumber,
  type Selection,
  type Session,
  sql,
  sum,
} from '../../../orm/index.ts'
import { testDatabase } from '../../support/database.ts'
import { coded } from '../../support/failure.ts'
import { recordWire } from '../../support/recorder.ts'
import { Author, Book, fillLibrary, library, Review } from '../relations/library.ts'

const created = await testDatabase(library)
const { database, url } = created

beforeAll(() => fillLibrary(created))

/** Reviews of b3 to b5 in the order of their keys: of 1 2, 1 2 3 and 1 2 3 4 stars. */
function ofReviews<R>(select: (review: RefsOf<typeof Review>) => Selection<R>): Promise<R[]> {
  return database.run((session) =>
    session
      .find(Review)
      .filter((review) => review.bookId.between(3, 5))
      .orderBy((review) => [review.bookId.asc(), review.stars.asc()])
      .select(select)
      .toList(),
  )
}

/** One value of each review. */
async function values<T>(of: (review: RefsOf<typeof Review>) => Expression<T>): Promise<T[]> {
  return (await ofReviews((review) => ({ value: of(review) }))).map(({ value }) => value)
}

describe('a window function', () => {
  it('numbers and ranks the rows of each part', async () => {
    const stars = (review: RefsOf<typeof Review>) => ({ orderBy: review.stars.desc() })
    expect(
      await values((review) => over(rowNumber(), { partitionBy: review.bookId, ...stars(review) })),
    ).toEqual([2, 1, 3, 2, 1, 4, 3, 2, 1])
    expect(await values((review) => over(rank(), stars(review)))).toEqual([
      7, 4, 7, 4, 2, 7, 4, 2, 1,
    ])
    expect(await values((review) => over(denseRank(), stars(review)))).toEqual([
      4, 3, 4, 3, 2, 4, 3, 2, 1,
    ])
    expect(
      await values((review) =>
        over(percentRank(), { partitionBy: [review.bookId], orderBy: [review.stars.asc()] }),
      ),
    ).toEqual([0, 1, 0, 0.5, 1, 0, 1 / 3, 2 / 3, 1])
    expect(
      await values((review) =>
        over(cumeDist(), { partitionBy: review.bookId, orderBy: review.stars.asc() }),
      ),
    ).toEqual([0.5, 1, 1 / 3, 2 / 3, 1, 0.25, 0.5, 0.75, 1])
    expect(
      await values((review) =>
        over(ntile(2), { partitionBy: review.bookId, orderBy: review.stars.asc() }),
      ),
    ).toEqual([1, 2, 1, 1, 2, 1, 1, 2, 2])
  })

  it('gives values of other rows, null where there are none', async () => {
    const window = (review: RefsOf<typeof Review>) => ({
      partitionBy: review.bookId,
      orderBy: review.stars.asc(),
    })
    expect(await values((review) => over(lag(review.stars), window(review)))).toEqual([
      null,
      1,
      null,
      1,
      2,
      null,
      1,
      2,
      3,
    ])
    expect(await values((review) => over(lead(review.stars, 2), window(review)))).toEqual([
      null,
      null,
      3,
      null,
      null,
      3,
      4,
      null,
      null,
    ])
    expect(await values((review) => over(lag(review.stars, 0), window(review)))).toEqual([
      1, 2, 1, 2, 3, 1, 2, 3, 4,
    ])
    expect(await values((review) => over(firstValue(review.book.title), window(review)))).toEqual([
      'b3',
      'b3',
      'b4',
      'b4',
      'b4',
      'b5',
      'b5',
      'b5',
      'b5',
    ])
    expect(await values((review) => over(lastValue(review.stars), window(review)))).toEqual([
      1, 2, 1, 2, 3, 1, 2, 3, 4,
    ])
  })

  it('may be an aggregate, of all rows or of those up to the current one', async () => {
    expect(
      await values((review) =>
        over(sum(review.stars), { partitionBy: review.bookId, orderBy: review.stars.asc() }),
      ),
    ).toEqual([1, 3, 1, 3, 6, 1, 3, 6, 10])
    expect(
      await values((review) => over(avg(review.stars), { partitionBy: review.bookId })),
    ).toEqual([1.5, 1.5, 2, 2, 2, 2.5, 2.5, 2.5, 2.5])
    expect(await values(() => over(count()))).toEqual(Array.from({ length: 9 }, () => 9))
  })

  it('stands behind groups', async () => {
    const rows = await database.run((session) =>
      session
        .find(Book)
        .groupBy((book) => book.author.name)
        .select((book) => ({
          author: book.author.name,
          place: over(rank(), { orderBy: sum(book.sales).desc() }),
          ofAll: over(sum(count()), {}),
        }))
        .orderBy((row) => row.place.asc())
        .toList(),
    )
    expect(rows).toEqual([
      { author: 'bob', place: 1, ofAll: 7 },
      { author: 'ann', place: 2, ofAll: 7 },
      { author: null, place: 3, ofAll: 7 },
    ])
  })

  it('is filtered behind it: the best of each author, relations and parameters included', async () => {
    await using wire = recordWire(url)
    const rows = await wire.database.run((session) =>
      session
        .find(Book)
        .filter((book) => book.sales.gt(5))
        .select((book) => ({
          title: book.title,
          author: book.author.name,
          place: over(rowNumber(), {
            partitionBy: sql`coalesce(${book.author.name}, ${'nobody'})`,
            orderBy: book.sales.desc(),
          }),
          before: over(lag(book.title, 1), { orderBy: book.id.asc() }),
        }))
        .filter((row) => row.place.eq(1))
        .orderBy((row) => row.author.asc())
        .toList(),
    )
    expect(rows).toEqual([
      { title: 'b2', author: 'ann', place: 1, before: 'b1' },
      { title: 'b6', author: 'bob', place: 1, before: 'b5' },
      { title: 'b7', author: null, place: 1, before: 'b6' },
    ])
    expect(wire.queries[0]?.values.map(String)).toEqual(['nobody', '1', '5', '1'])
  })

  it('has the type of its column', async () => {
    const rows = await database.run((session) =>
      session
        .find(Author)
        .select((author) => ({
          latest: over(max(author.name)),
          before: over(lag(author.id), { orderBy: author.id.asc() }),
        }))
        .filter((row) => row.before.in([1, 2]))
        .orderBy((row) => row.before.asc())
        .toList(),
    )
    expect(rows).toEqual([
      { latest: 'cid', before: 1 },
      { latest: 'cid', before: 2 },
    ])
  })
})

describe('a window function refuses', () => {
  it.each<[string, (row: RefsOf<typeof Book>) => unknown, string]>([
    [
      'a column',
      (row) => over(row.sales as never),
      'over() expected a window function or an aggregate, such as rowNumber() or sum(post.likes), got a column or another value',
    ],
    [
      'nothing',
      () => over(undefined as never),
      'over() expected a window function or an aggregate',
    ],
    [
      'a count of related rows',
      (row) => over(row.reviews.count() as never),
      'got a column or another value',
    ],
    [
      'parts that are no columns',
      (row) => over(rank(), { partitionBy: 'title' as never, orderBy: row.id.asc() }),
      'over() expected columns in partitionBy, got',
    ],
    [
      'an order without a direction',
      (row) => over(rank(), { orderBy: row.id as never }),
      'over() expected orders such as post.id.asc() in orderBy, got',
    ],
    ['a window that is none', (row) => over(rank(), row.id.asc() as never), 'over() '],
    ['half a row', (row) => lag(row.id, 0.5), 'lag() expected an integer from 0, got'],
    ['rows behind the end', (row) => lead(row.id, -1), 'lead() expected an integer from 0, got'],
    ['no groups', () => ntile(0), 'ntile() expected an integer from 1, got'],
    [
      'a value in place of a column',
      () => firstValue(1 as never),
      'first_value() expected a column such as post.likes, got',
    ],
  ])('%s', async (_, call, message) => {
    await using session: Session = database.session()
    expect(() =>
      session.find(Book).select((row) => ({ value: call(row) as Expression<unknown> })),
    ).toThrow(expect.objectContaining({ details: expect.stringContaining(message) }))
  })

  it('an unknown option', async () => {
    expect(() => over(rank(), { orderedBy: [] } as never)).toThrow(
      coded(
        'DATA_BRIDGE_ERR_OPTION',
        'over() has no option orderedBy; it has partitionBy and orderBy',
      ),
    )
  })
})
