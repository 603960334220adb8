import { beforeEach, describe, expect, it } from 'vitest'
import { countload, joinedload, selectinload } from '../../../orm/index.ts'
import { testDatabase } from '../../support/database.ts'
import { coded } from '../../support/failure.ts'
import { Author, desk, fillDesk, Post } from '../query/desk.ts'

const created = await testDatabase(desk)
const { database } = created
const code = 'DATA_BRIDGE_ERR_RELATION_NOT_LOADED'
const hidden = coded(
  code,
  'Post.author expected a row, got none: the default filter of Author hides it. Show it with the option of the ' +
    'relation { withDefaults: false } or selectinload(Post.author).withDefaults(false), or leave out its owners: ' +
    'filter((row) => row.author.has())',
)

beforeEach(() => fillDesk(created))

const titles = (posts: readonly Post[]) => posts.map(({ title }) => title)

describe.each([
  ['selectinload', selectinload],
  ['joinedload', joinedload],
] as const)('%s', (_, load) => {
  const authors = (session: ReturnType<typeof database.session>) =>
    session.find(Author).orderBy((author) => author.id.asc())

  it('loads what default filters show', async () => {
    await using session = database.session()
    const [ann, cid] = await authors(session)
      .options(load(Author.posts).options(load(Post.comments), load(Post.tags)), load(Author.bio))
      .toList()
    expect(JSON.parse(JSON.stringify([ann, cid]))).toMatchObject([
      {
        name: 'ann',
        bio: { text: 'new' },
        posts: [
          { title: 'one', comments: [{ body: 'fine' }], tags: [{ name: 'news' }] },
          { title: 'two', comments: [], tags: [] },
        ],
      },
      { name: 'cid', bio: null, posts: [{ title: 'five', comments: [], tags: [] }] },
    ])
    expect(await ann?.posts.count()).toBe(2)
  })

  it('with a filter, an order or a limit too', async () => {
    await using session = database.session()
    const chosen = load(Author.posts)
      .filter((post) => post.comments.none())
      .orderBy((post) => post.id.desc())
    const [ann] = await authors(session).options(chosen).toList()
    expect(titles(ann?.posts.value ?? [])).toEqual(['two'])
    await using other = database.session()
    const first = load(Author.posts)
      .orderBy((post) => post.id.desc())
      .limit(1)
      .options(load(Post.tags).limit(1))
    const [same] = await authors(other).options(first).toList()
    expect(titles(same?.posts.value ?? [])).toEqual(['two'])
    expect(same?.posts.value[0]?.tags.value).toEqual([])
  })

  it('shows hidden rows with withDefaults(false), but not those of loaders below', async () => {
    await using session = database.session()
    const all = load(Author.posts).withDefaults(false).options(load(Post.comments), load(Post.tags))
    const [ann] = await authors(session).options(all).toList()
    expect(titles(ann?.posts.value ?? [])).toEqual(['one', 'two', 'three'])
    expect(ann?.posts.value.map((post) => post.comments.value.length)).toEqual([1, 0, 1])
    expect(ann?.posts.value.map((post) => post.tags.value.length)).toEqual([1, 0, 1])
    // It is not what the relation is without the loader.
    expect(await ann?.posts.count()).toBe(2)
    await session.load([ann as Author], selectinload(Author.posts))
    expect(titles(ann?.posts.value ?? [])).toEqual(['one', 'two'])
    await using other = database.session()
    const [one] = await other
      .find(Post)
      .filter({ id: 1 })
      .options(load(Post.tags).withDefaults(false))
      .toList()
    expect(one?.tags.value.map(({ name }) => name)).toEqual(['news', 'sport'])
    const counted = await other
      .find(Author)
      .filter({ id: 1 })
      .options(
        load(Author.posts)
          .withDefaults(false)
          .filter((post) => post.comments.count().eq(2)),
      )
      .one()
    expect(titles(counted.posts.value)).toEqual(['one'])
  })

  it('is not reached by withDefaults(false) of its query', async () => {
    await using session = database.session()
    const bob = await session
      .find(Author)
      .withDefaults(false)
      .filter({ id: 1 })
      .options(load(Author.posts))
      .one()
    expect(titles(bob.posts.value)).toEqual(['one', 'two'])
  })

  it('shows hidden rows of relations that say so', async () => {
    await using session = database.session()
    const posts = await session
      .find(Post)
      .orderBy((post) => post.id.asc())
      .options(load(Post.writer), load(Post.allTags), load(Post.editor))
      .toList()
    expect(posts.map((post) => post.writer.value.name)).toEqual(['ann', 'ann', 'bob', 'cid'])
    expect(posts.map((post) => post.allTags.value.length)).toEqual([2, 1, 0, 0])
    // Bob is held by now, but was not found for the first one.
    expect(posts[2]?.editor.value?.name).toBe('ann')
  })

  it('fails where a hidden row has to be there', async () => {
    await using session = database.session()
    const posts = session.find(Post).options(load(Post.author))
    await expect(posts.toList()).rejects.toThrow(hidden)
    const shown = await posts.filter((post) => post.author.has()).toList()
    expect(shown).toHaveLength(3)
    const all = await session.find(Post).options(load(Post.author).withDefaults(false)).toList()
    expect(all).toHaveLength(4)
    await using other = database.session()
    const four = await other.getOrThrow(Post, 4)
    await expect(other.load(four, load(Post.author))).rejects.toThrow(hidden)
    await other.load(four, load(Post.author).withDefaults(false))
    expect(four.author.value.name).toBe('bob')
    await using locking = database.session()
    const locked = locking.transaction(() =>
      locking.find(Post).filter({ id: 4 }).options(load(Post.author)).forUpdate().toList(),
    )
    await expect(locked).rejects.toThrow(hidden)
  })
})

it('two loaders of one relation with and without default filters are refused', async () => {
  await using session = database.session()
  const loaders = [selectinload(Author.posts), selectinload(Author.posts).withDefaults(false)]
  expect(() => session.find(Author).options(...loaders)).toThrow(
    coded(
      'DATA_BRIDGE_ERR_QUERY',
      'expected one loader of Author.posts; got two that choose other rows of it',
    ),
  )
  expect(() => selectinload(Author.posts).withDefaults(0 as never)).toThrow(
    coded(
      'DATA_BRIDGE_ERR_QUERY',
      'selectinload(Author.posts).withDefaults() expected true or false, got the number 0',
    ),
  )
  expect(() => countload(Author.posts).withDefaults(0 as never)).toThrow(
    coded('DATA_BRIDGE_ERR_QUERY', 'countload(Author.posts).withDefaults() expected true or false'),
  )
})

it('loaders and relations with and without default filters have statements of their own', async () => {
  const counted = async (load: typeof selectinload, isCut: boolean) => {
    const counts: number[] = []
    for (const hold of [true, false, true, false, true, false]) {
      for (const relation of [Author.posts, Author.allPosts]) {
        await using session = database.session()
        const loader = load(relation).withDefaults(hold)
        const author = await session
          .find(Author)
          .filter({ id: 1 })
          .options(isCut ? loader.limit(9) : loader)
          .one()
        const loaded = relation === Author.posts ? author.posts : author.allPosts
        counts.push(loaded.value.length)
      }
    }
    return counts
  }
  const expected = [2, 3, 3, 3, 2, 3, 3, 3, 2, 3, 3, 3]
  for (const load of [selectinload, joinedload])
    for (const isCut of [false, true]) expect(await counted(load, isCut)).toEqual(expected)
})
