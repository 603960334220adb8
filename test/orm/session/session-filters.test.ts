import { beforeEach, describe, expect, it } from 'vitest'
import {
  and,
  countload,
  exists,
  integer,
  joinedload,
  or,
  selectinload,
  type Session,
  sql,
  table,
  timestamptz,
} from '../../../orm/index.ts'
import { testDatabase } from '../../support/database.ts'
import { coded } from '../../support/failure.ts'
import { recordWire } from '../../support/recorder.ts'
import { Author, Comment, desk, fillDesk, Post, PostTag } from '../query/desk.ts'

class Event extends table(
  'events',
  { at: timestamptz().primaryKey(), no: integer().primaryKey(), place: integer() },
  { defaultFilter: (event) => event.no.gt(0) },
) {}

const created = await testDatabase([...desk, Event])
const { database, query, url } = created

beforeEach(() => fillDesk(created))

const ids = (rows: readonly { readonly id: number }[]) => rows.map(({ id }) => id)

/** Narrows all that has a tenant. */
function only(session: Pick<Session, 'addFilter'>, tenant: number): void {
  for (const entity of [Author, Post]) session.addFilter(entity, (row) => row.tenantId.eq(tenant))
}

describe('addFilter()', () => {
  it('narrows queries, in addition to the filter of the table', async () => {
    await using session = database.session()
    session.addFilter(Post, (post) => post.tenantId.eq(1))
    expect(
      ids(
        await session
          .find(Post)
          .orderBy((post) => post.id.asc())
          .toList(),
      ),
    ).toEqual([1, 2, 4])
    session.addFilter(Post, (post) => or(post.likes.gt(15), post.id.eq(7)))
    expect(await session.find(Post).count()).toBe(2)
    session.addFilter(Post, () => sql`likes < ${0} or likes > ${15}`)
    const posts = session.find(Post).orderBy((post) => post.id.asc())
    expect(ids(await posts.filter(() => sql`true or true`).toList())).toEqual([2, 4])
    expect(await session.find(Post).withDefaults(false).count()).toBe(5)
    expect(await session.find(Author).count()).toBe(2)
  })

  it('narrows relations, loads, counts and keys', async () => {
    await using session = database.session()
    await query('update posts set tenant_id = 2 where id = 2')
    await query('update posts set author_id = 3 where id = 1')
    only(session, 1)
    expect(await session.get(Post, 2)).toBeNull()
    expect(ids(await session.getMany(Post, [5, 4, 3, 2, 1]))).toEqual([4, 1])
    const ann = await session.getOrThrow(Author, 1)
    expect(await ann.posts).toEqual([])
    expect(ids(await ann.allPosts)).toEqual([2, 3])
    const [one] = await session.find(Post).filter({ id: 1 }).toList()
    await expect(one?.author.load()).rejects.toThrow(
      coded('DATA_BRIDGE_ERR_RELATION_NOT_LOADED', 'hides it'),
    )
    expect((await one?.writer)?.name).toBe('cid')
    for (const load of [selectinload, joinedload]) {
      await using other = database.session()
      only(other, 2)
      const [cid] = await other.find(Author).options(load(Author.posts)).toList()
      expect([cid?.name, ids(cid?.posts.value ?? [])]).toEqual(['cid', [5]])
      expect(
        await other
          .find(Author)
          .filter((author) => author.posts.count().eq(1))
          .count(),
      ).toBe(1)
      const counted = await other.find(Author).options(countload(Author.posts)).one()
      expect(await counted.posts.count()).toBe(1)
    }
  })

  it('of a link entity narrows many-to-many relations', async () => {
    await using session = database.session()
    session.addFilter(PostTag, (link) => link.tagId.eq(2))
    const one = await session.getOrThrow(Post, 1)
    expect(await one.tags).toEqual([])
    expect(await one.allTags.count()).toBe(2)
    await query(`update post_tags set state = 'on' where post_id = 2`)
    const [two] = await session
      .find(Post)
      .filter((post) => post.tags.any())
      .options(joinedload(Post.tags))
      .toList()
    expect(two?.tags.value.map(({ name }) => name)).toEqual(['sport'])
    const limited = selectinload(Post.tags).limit(1)
    const [same] = await session.find(Post).filter({ id: 2 }).options(limited).toList()
    expect(same?.tags.value.map(({ name }) => name)).toEqual(['sport'])
  })

  it('numbers its values where joins are asked for, among all others', async () => {
    await using session = database.session()
    only(session, 1)
    const rows = await session
      .find(Post)
      .select((post) => ({
        id: post.id,
        far: sql<string>`${post.editor.name} || ${'!'}`,
        sum: sql<number>`${100} + ${post.likes}`,
        name: post.author.name,
      }))
      .filter((row) => and(row.id.gt(0), row.sum.lt(1000)))
      .orderBy((row) => row.id.asc())
      .limit(10)
      .toList()
    expect(rows).toEqual([
      { id: 1, far: null, sum: 110, name: 'ann' },
      { id: 2, far: null, sum: 120, name: 'ann' },
      { id: 4, far: 'ann!', sum: 140, name: null },
    ])
    const correlated = await session
      .find(Post)
      .filter((post) => post.likes.gt(5))
      .filter((post) =>
        exists(
          session
            .find(Author)
            .filter((author) =>
              and(author.name.eq(post.author.name), author.id.ne(9), post.author.tenantId.eq(1)),
            ),
        ),
      )
      .filter((post) =>
        or(
          post.author.name.ne('bob'),
          post.comments.any((each) => each.post.author.name.eq('x')),
        ),
      )
      .orderBy((post) => [post.author.name.desc(), post.id.desc()])
      .toList()
    expect(ids(correlated)).toEqual([2, 1])
    const page = session
      .find(Post)
      .orderBy((post) => post.author.name.asc())
      .limit(1)
    const first = await page.page({ total: true })
    const second = await page.page({ after: first.next, total: true })
    const third = await page.page({ after: second.next })
    expect([first, second, third].map(({ items }) => ids(items))).toEqual([[1], [2], [4]])
    expect([first.total, second.total]).toEqual([3, 3])
    const unions = session.find(Post).select((post) => ({ name: post.author.name }))
    expect(await unions.unionAll(unions).count()).toBe(6)
    const named = unions.cte()
    expect(
      await named
        .unionAll(named)
        .filter((row) => row.name.eq('ann'))
        .count(),
    ).toBe(4)
  })

  it('also for keys that are intervals', async () => {
    await using session = database.session()
    await query(
      `insert into events values ('2026-01-01 00:00:00.000123Z', 1, 1), ('2026-01-01', 0, 1), ('2026-01-02', 2, 7)`,
    )
    session.addFilter(Event, (event) => event.place.lt(5))
    const key = (day: string, no: number) => ({ at: new Date(`${day}T00:00:00Z`), no })
    expect((await session.get(Event, key('2026-01-01', 1)))?.place).toBe(1)
    expect(await session.get(Event, key('2026-01-01', 0))).toBeNull()
    expect(await session.get(Event, key('2026-01-02', 2))).toBeNull()
    const found = await session.getMany(Event, [
      key('2026-01-02', 2),
      key('2026-01-01', 1),
      key('2026-01-01', 0),
    ])
    expect(found.map(({ no }) => no)).toEqual([1])
  })

  it('streams and joins by hand', async () => {
    await using session = database.session()
    only(session, 1)
    const streamed: number[] = []
    const query_ = session
      .find(Post)
      .orderBy((post) => post.author.name.asc())
      .options(selectinload(Post.comments))
    for await (const post of query_.stream({ batchSize: 1 }))
      streamed.push(post.id, post.comments.value.length)
    expect(streamed).toEqual([1, 1, 2, 0, 4, 0])
    const joined = await session
      .find(Comment)
      .join(session.find(Post), (comment, post) =>
        and(post.id.eq(comment.postId), post.likes.gt(1)),
      )
      .select((comment, post) => ({ body: comment.body, author: post.author.name }))
      .toList()
    expect(joined).toEqual([{ body: 'fine', author: 'ann' }])
  })

  it('is of one session, and does not fill new rows', async () => {
    await using narrow = database.session()
    await using wide = database.session()
    only(narrow, 2)
    expect([await narrow.find(Post).count(), await wide.find(Post).count()]).toEqual([1, 4])
    narrow.add(new Post({ id: 9, title: 'nine', tenantId: 1, authorId: 3 }))
    await narrow.flush()
    expect([await narrow.find(Post).count(), (await narrow.get(Post, 9))?.title]).toEqual([
      1,
      'nine',
    ])
    await narrow.rollback()
    expect(await narrow.find(Post).count()).toBe(1)
  })

  it('holds for queries that begin later, and forgets what was counted', async () => {
    await using session = database.session()
    const before = session.find(Post)
    const [ann] = await session
      .find(Author)
      .filter({ id: 1 })
      .options(countload(Author.posts))
      .toList()
    session.addFilter(Post, (post) => post.id.eq(1))
    expect([await before.count(), await session.find(Post).count()]).toEqual([4, 1])
    expect(await ann?.posts.count()).toBe(1)
    expect(await session.find(Post).exists()).toBe(true)
  })

  it('does not open the session, and is refused after its end', async () => {
    const session = database.session()
    only(session, 1)
    expect(session.isUsed).toBe(false)
    await session.close()
    expect(() => only(session, 1)).toThrow(coded('DATA_BRIDGE_ERR_SESSION_CLOSED'))
  })

  it('is refused if it is no condition', async () => {
    await using session = database.session()
    const code = 'DATA_BRIDGE_ERR_FILTER'
    expect(() => session.addFilter(Post, { tenantId: 1 } as never)).toThrow(
      coded(
        code,
        'addFilter(Post) expected a callback such as (row) => row.tenantId.eq(tenantId), got an object',
      ),
    )
    expect(() => session.addFilter(Post, () => true as never)).toThrow(
      coded(
        code,
        'addFilter(Post) expected a condition on the columns of Post, got the boolean true',
      ),
    )
    expect(() => session.addFilter(Post, () => exists(session.find(Author)))).toThrow(
      coded(code, 'got one with a relation or a query'),
    )
    let kept: { readonly id: { eq(id: number): never } } | undefined
    session.find(Author).filter((author) => {
      kept = author as never
      return author.id.eq(1)
    })
    expect(() => session.addFilter(Post, () => kept?.id.eq(1) as never)).toThrow(
      coded(code, 'got one with'),
    )
    expect(await session.find(Post).count()).toBe(4)
  })
})

it('sessions with the same filters send the same statements, with other values; others send others', async () => {
  await using wire = recordWire(url, { max: 1 })
  const read = async (narrow: (session: Session) => void) => {
    wire.clear()
    await wire.database.run(async (session) => {
      narrow(session)
      await session
        .find(Post)
        .filter((post) => post.author.name.ne('x'))
        .count()
      await session.get(Post, 1)
      await session.getMany(Author, [1, 3])
      await session
        .find(Author)
        .options(
          joinedload(Author.posts),
          selectinload(Author.allPosts).options(selectinload(Post.tags).limit(1)),
        )
        .toList()
    })
    return wire.queries.map(({ text, name, values }) => ({ text, name, values }))
  }
  const tenant = (value: number) => (session: Session) => only(session, value)
  const plain = await read(() => {})
  const one = await read(tenant(1))
  const two = await read(tenant(2))
  const reversed = await read((session) => {
    for (const entity of [Post, Author]) session.addFilter(entity, (row) => row.tenantId.eq(1))
  })
  const own = await read((session) => session.addFilter(Post, (post) => post.likes.gt(1)))
  const texts = (all: typeof one) => all.map(({ text }) => text)
  expect(texts(two)).toEqual(texts(one))
  expect(texts(reversed)).toEqual(texts(one))
  // Prepared by its second use, and found by its name at the third.
  expect(reversed.map(({ name }) => name)).toEqual(two.map(({ name }) => name))
  expect(two.map(({ values }) => values)).not.toEqual(one.map(({ values }) => values))
  // Of the relations only the joined ones are narrowed: `allPosts` leaves default filters out.
  for (const index of [0, 1, 2, 3]) {
    expect(texts(one)[index]).not.toBe(texts(plain)[index])
    expect(texts(one)[index]).not.toBe(texts(own)[index])
  }
  expect(texts(one).slice(4)).toEqual(texts(plain).slice(4))
  // The cache has the texts of each: they stay what they are.
  expect(texts(await read(() => {}))).toEqual(texts(plain))
  // The tenant has no authors, whose posts would be loaded.
  expect(texts(await read(tenant(3)))).toEqual(texts(one).slice(0, 4))
})
