import { beforeEach, describe, expect, it } from 'vitest'
import { and, Database, exists, integer, type Query, table, text } from '../../../orm/index.ts'
import { testDatabase } from '../../support/database.ts'
import { coded } from '../../support/failure.ts'
import { recordSession } from '../../support/recorder.ts'
import { Bio, Comment, desk, fillDesk, Post, PostTag, Tag } from './desk.ts'

const created = await testDatabase(desk)
const { database, url } = created

beforeEach(() => fillDesk(created))

const inOrder = (query: Query<typeof Post>) => query.orderBy((post) => post.id.asc())
const ids = (rows: readonly { readonly id: number }[]) => rows.map(({ id }) => id)

describe('withDefaults(false)', () => {
  it('shows hidden rows, in any order of the methods', async () => {
    await using session = database.session()
    expect(await session.find(Post).withDefaults(false).count()).toBe(5)
    const late = session.find(Post).filter({ id: 3 }).withDefaults(false)
    expect((await late.one()).title).toBe('three')
    expect(await late.withDefaults(true).exists()).toBe(false)
    expect(await session.find(Comment).withDefaults(false).count()).toBe(4)
    expect(await session.find(PostTag).withDefaults(false).count()).toBe(4)
    expect(await session.find(Bio).withDefaults(false).count()).toBe(4)
  })

  it('reaches the relations of its callbacks, and not queries in them', async () => {
    await using session = database.session()
    const posts = inOrder(session.find(Post).withDefaults(false))
    const commented = posts.filter((post) => post.comments.any())
    expect(ids(await commented.toList())).toEqual([1, 2, 3])
    expect(ids(await posts.filter((post) => post.tags.count().eq(2)).toList())).toEqual([1])
    const names = await posts.select((post) => ({ name: post.author.name })).toList()
    expect(names.map(({ name }) => name)).toEqual(['ann', 'ann', 'ann', 'bob', 'cid'])
    const own = posts.filter((post) =>
      exists(session.find(Comment).filter((comment) => comment.postId.eq(post.id))),
    )
    expect(ids(await own.toList())).toEqual([1, 3])
    // A relation of the outer row follows the outer query, wherever it stands.
    const mixed = posts.filter((post) =>
      exists(session.find(Tag).filter((tag) => and(tag.id.eq(1), post.comments.any()))),
    )
    expect(ids(await mixed.toList())).toEqual([1, 2, 3])
    const around = inOrder(session.find(Post)).filter((post) =>
      exists(
        session
          .find(Tag)
          .withDefaults(false)
          .filter((tag) => and(tag.id.eq(1), post.comments.any())),
      ),
    )
    expect(ids(await around.toList())).toEqual([1])
  })

  it('and true: anything else is refused', async () => {
    await using session = database.session()
    expect(() => session.find(Post).withDefaults('no' as never)).toThrow(
      coded(
        'DATA_BRIDGE_ERR_QUERY',
        'find(Post).withDefaults() expected true or false, got the string "no"',
      ),
    )
  })

  it('has statements of its own, warm and cold', async () => {
    await using recorder = recordSession(url)
    const { session, statements } = recorder
    const counts: number[] = []
    for (const hold of [true, false, true, false, true, false])
      counts.push(
        await session
          .find(Post)
          .withDefaults(hold)
          .filter((post) => post.author.name.ne('x'))
          .count(),
      )
    expect(counts).toEqual([3, 5, 3, 5, 3, 5])
    expect(new Set(statements.map(({ text: sent }) => sent)).size).toBe(2)
  })
})

describe('a default filter is refused', () => {
  const code = 'DATA_BRIDGE_ERR_SCHEMA'
  const fields = { id: integer().primaryKey(), name: text() }

  it('when the table is declared, if it is no callback', () => {
    expect(() => table('refused', fields, { defaultFilter: 'name' } as never)).toThrow(
      coded(
        code,
        'table(\'refused\'): defaultFilter expected a callback such as (row) => row.deletedAt.isNull(), got the string "name"',
      ),
    )
  })

  it('with the tables of a database, or at its first use, if it is no condition on columns', async () => {
    class Wrong extends table('wrong', fields, { defaultFilter: (row) => row.name as never }) {}
    class Compared extends table('compared', fields, {
      defaultFilter: (row) => (Number(row.id) > 1) as never,
    }) {}
    class Misspelt extends table('misspelt', fields, {
      defaultFilter: (row) => (row as unknown as { nam: typeof row.name }).nam.eq('x'),
    }) {}
    class Queried extends table('queried', fields, {
      defaultFilter: () => exists(new Database({ connectionString: url }).session().find(Tag)),
    }) {}
    const expected = (name: string, got: string): unknown =>
      coded(code, `${name}: defaultFilter expected ${got}`)
    expect(() => new Database({ connectionString: url, tables: [Wrong] })).toThrow(
      expected('Wrong', 'a condition on the columns of Wrong, got an object'),
    )
    await using session = database.session()
    await expect(session.find(Compared).count()).rejects.toThrow(
      expected('Compared', 'a condition on the columns of Compared, got the boolean false'),
    )
    await expect(session.get(Misspelt, 1)).rejects.toThrow(
      expected('Misspelt', 'columns of Misspelt, which are id and name, got nam'),
    )
    await expect(session.find(Queried).count()).rejects.toThrow(
      expected(
        'Queried',
        'a condition on the columns of Queried, got one with a relation or a query',
      ),
    )
  })

  it('also with a relation', async () => {
    await using session = database.session()
    expect(() =>
      session.addFilter(Post, (post) =>
        (post as unknown as { author: { has(): never } }).author.has(),
      ),
    ).toThrow(coded('DATA_BRIDGE_ERR_FILTER', 'got author'))
  })
})
