import { beforeEach, describe, expect, it } from 'vitest'
import { selectinload } from '../../../orm/index.ts'
import { testDatabase } from '../../support/database.ts'
import { blog, Comment, Post, User } from '../../support/entities.ts'
import { recordSession, recordWire } from '../../support/recorder.ts'
import { Author, Book, fillLibrary, Genre, library } from './library.ts'

const created = await testDatabase([...blog, ...library])
const { query, truncate, url } = created

/** 50 users, each with two posts that have two comments each. */
async function fillBlog(): Promise<void> {
  await query(`insert into users (name, email) select n, n from generate_series(1, 50) n`)
  await query(`insert into posts (title, author_id)
    select 'p' || n, 1 + (n - 1) / 2 from generate_series(1, 100) n`)
  await query(`insert into comments (body, post_id)
    select 'c' || n, 1 + (n - 1) / 2 from generate_series(1, 200) n`)
}

/** A session in the mode `peers`, and the statements that the server gets. */
function peers() {
  const recorder = recordWire(url)
  const session = recorder.database.session({ lazy: 'peers' })
  return {
    session,
    get statements() {
      return recorder.texts.length
    },
    async [Symbol.asyncDispose]() {
      await session.close()
      await recorder[Symbol.asyncDispose]()
    },
  }
}

beforeEach(truncate)

describe('a loop in the mode peers', () => {
  beforeEach(fillBlog)

  it('over 50 owners sends two statements for a to-one relation', async () => {
    await using recorded = peers()
    const posts = recorded.session.find(Post).filter((post) => post.id.in(evens()))
    for (const post of await posts.toList()) expect((await post.author).id).toBe(post.authorId)
    expect(recorded.statements).toBe(2)
  })

  it('over 50 owners sends two statements for a to-many relation', async () => {
    await using recorded = peers()
    const titles: string[][] = []
    for (const user of await recorded.session.find(User).toList())
      titles.push((await user.posts).map(({ title }) => title))
    expect(recorded.statements).toBe(2)
    expect(titles).toHaveLength(50)
    expect(titles[49]).toEqual(['p99', 'p100'])
  })

  it('down a tree sends one statement for each level', async () => {
    await using recorded = peers()
    const bodies: string[] = []
    for (const user of await recorded.session.find(User).toList())
      for (const post of await user.posts)
        for (const comment of await post.comments) bodies.push(comment.body)
    expect(bodies).toHaveLength(200)
    expect(recorded.statements).toBe(3)
  })

  it('below a loader loads for the rows of all owners', async () => {
    await using recorded = peers()
    const users = recorded.session.find(User).options(selectinload(User.posts))
    for (const user of await users.toList())
      for (const post of user.posts.value) expect(await post.comments).toHaveLength(2)
    expect(recorded.statements).toBe(3)
  })

  it('over the rows of one owner loads for those rows alone', async () => {
    await using recorded = peers()
    const user = (await recorded.session.get(User, 7)) as User
    for (const post of await user.posts) await post.comments
    expect(recorded.statements).toBe(3)
    expect(recorded.session.stats.queryCount).toBe(3)
    const comments = await recorded.session
      .find(Comment)
      .filter({ postId: [13, 14] })
      .count()
    expect(comments).toBe(4)
  })

  it('over what getMany() read loads for all of them', async () => {
    await using recorded = peers()
    for (const user of await recorded.session.getMany(User, [3, 1, 2])) await user.posts
    expect(recorded.statements).toBe(2)
  })

  it('goes on with the peers that are left, if some are loaded', async () => {
    await using recorded = recordSession(url, { lazy: 'peers' })
    const { session, operations } = recorded
    const some = await session
      .find(User)
      .filter({ id: [1, 2] })
      .options(selectinload(User.posts))
      .toList()
    const users = await session
      .find(User)
      .filter({ id: [1, 2, 3, 4] })
      .toList()
    const before = some[0]?.posts.value
    for (const user of users) await user.posts
    expect(some[0]?.posts.value).toBe(before)
    const loads = operations.flatMap(({ operation }) =>
      operation.kind === 'relationship' ? [[operation.strategy, operation.owners.length]] : [],
    )
    expect(loads).toEqual([
      ['selectinload', 2],
      ['peers', 2],
    ])
  })

  it('behaves as select for an entity without peers', async () => {
    await using recorded = recordSession(url, { lazy: 'peers' })
    const { session, operations } = recorded
    const [only] = await session.find(User).filter({ id: 1 }).toList()
    await only?.posts
    const first = await session.find(User).filter({ id: 2 }).first()
    await first?.posts
    const added = new User({ name: 'new', email: 'new' })
    session.add(added)
    await session.flush()
    await added.posts
    const strategies = operations.flatMap(({ operation }) =>
      operation.kind === 'relationship' ? [operation.strategy] : [],
    )
    expect(strategies).toEqual(['select', 'select', 'select'])
    await session.rollback()
  })

  it('is one span with the number of owners', async () => {
    await using recorded = recordSession(url, { lazy: 'peers' })
    const posts = await recorded.session.find(Post).toList()
    for (const post of posts) await post.author
    const loads = recorded.operations.filter(({ operation }) => operation.kind === 'relationship')
    expect(loads).toMatchObject([
      {
        operation: { strategy: 'peers', cacheHit: false },
        outcome: { rows: 50 },
      },
    ])
    expect(recorded.statements).toHaveLength(2)
  })

  it('leaves the list of the program alone', async () => {
    await using recorded = peers()
    const users = await recorded.session
      .find(User)
      .orderBy((user) => user.id.asc())
      .toList()
    const rest = users.splice(1)
    await users[0]?.posts
    expect(rest.every((user) => user.posts.isLoaded)).toBe(true)
    const [post] = rest[0]?.posts.value ?? []
    rest[0]?.posts.value.splice(0)
    await post?.comments
    const others = rest.slice(1).flatMap((user) => [...user.posts.value])
    expect(others.every((each) => each.comments.isLoaded)).toBe(true)
    expect(recorded.statements).toBe(3)
  })
})

const evens = (): number[] => Array.from({ length: 50 }, (_, at) => 2 + at * 2)

it('the list of one owner, too, is left alone', async () => {
  await fillBlog()
  await using recorded = peers()
  const user = (await recorded.session.get(User, 7)) as User
  const posts = await user.posts
  const [first, second] = posts.splice(0)
  await first?.comments
  expect(second?.comments.isLoaded).toBe(true)
})

describe('a load for peers', () => {
  beforeEach(fillBlog)

  it('is not in the JSON of a peer before the program awaits it', async () => {
    await using recorded = peers()
    const users = await recorded.session
      .find(User)
      .orderBy((user) => user.id.asc())
      .limit(3)
      .toList()
    await users[0]?.posts
    const shapes = () => JSON.parse(JSON.stringify(users)).map((user: object) => 'posts' in user)
    expect(users.map((user) => user.posts.isLoaded)).toEqual([true, true, true])
    expect(shapes()).toEqual([true, false, false])
    await users[2]?.posts
    expect(shapes()).toEqual([true, false, true])
    expect(recorded.statements).toBe(2)
  })

  it('is not in the JSON of a peer that got another foreign key', async () => {
    await using recorded = peers()
    const posts = await recorded.session
      .find(Post)
      .filter({ id: [1, 3, 5] })
      .toList()
    const [one, two] = posts as [Post, Post, Post]
    await one.author
    one.authorId = 9
    two.authorId = 8
    await recorded.session.flush()
    await two.author
    expect(one.author.isLoaded).toBe(true)
    expect(one.toJSON()).not.toHaveProperty('author')
    expect((await one.author).id).toBe(9)
    expect(one.toJSON()).toHaveProperty('author.id', 9)
    await recorded.session.rollback()
  })

  it('takes what the session holds, and asks for the others only', async () => {
    await using recorded = peers()
    const { session } = recorded
    const ann = await session.get(User, 1)
    const posts = await session
      .find(Post)
      .filter({ id: [1, 3, 5] })
      .orderBy((post) => post.id.desc())
      .toList()
    for (const post of posts) await post.author
    expect(posts[2]?.author.value).toBe(ann)
    expect(recorded.statements).toBe(3)
  })

  it('sends nothing where the session holds all of them', async () => {
    await using recorded = peers()
    const { session } = recorded
    await session.find(User).toList()
    for (const post of await session.find(Post).toList())
      expect((await post.author).id).toBe(post.authorId)
    expect(recorded.statements).toBe(2)
  })

  it('sees what was added, changed and deleted before', async () => {
    await using recorded = peers()
    const { session } = recorded
    const [one, two, three] = (await session
      .find(User)
      .filter({ id: [1, 2, 3] })
      .orderBy((user) => user.id.asc())
      .toList()) as [User, User, User]
    session.add(new Post({ title: 'new', author: two }))
    const moved = (await session.get(Post, 1)) as Post
    moved.authorId = 3
    const titles = (user: User): string[] => user.posts.value.map(({ title }) => title)
    await one.posts
    expect([one, two, three].map(titles)).toEqual([['p2'], ['p3', 'p4', 'new'], ['p1', 'p5', 'p6']])
    await session.rollback()
  })

  it('gives each owner its own list', async () => {
    await query('update posts set author_id = 1')
    await using recorded = peers()
    const users = await recorded.session
      .find(User)
      .filter({ id: [1, 2, 3] })
      .orderBy((user) => user.id.asc())
      .toList()
    for (const user of users) await user.posts
    const [one, two, three] = users.map((user) => user.posts.value)
    expect([one?.length, two, three]).toEqual([100, [], []])
    expect(two).not.toBe(three)
  })

  it('takes a list of 10,000 in one statement', async () => {
    await query(
      `insert into comments (body, post_id) select 'x', 1 + n % 100 from generate_series(1, 9800) n`,
    )
    await using recorded = peers()
    const comments = await recorded.session.find(Comment).toList()
    for (const comment of comments) await comment.post
    expect(comments).toHaveLength(10_000)
    expect(recorded.statements).toBe(2)
  })
})

describe('circles and many to many', () => {
  beforeEach(() => fillLibrary(created))

  it('leaves out peers that are deleted, or have no key', async () => {
    await using recorded = recordSession(url, { lazy: 'peers' })
    const { session, operations } = recorded
    const books = session.find(Book).orderBy((book) => book.id.asc())
    const [one, two, three, , five, , seven] = await books.toList()
    session.add(new Book({ title: 'waits for the flush' }))
    if (two !== undefined) two.authorId = null
    const loading = five?.author.load()
    // While the flush runs.
    session.delete(three as Book)
    await loading
    const owners = operations.flatMap(({ operation }) =>
      operation.kind === 'relationship' && operation.strategy === 'peers' ? [operation.owners] : [],
    )
    expect(owners.flat()).not.toContain(three)
    expect(owners.flat()).not.toContain(two)
    expect(owners.flat()).not.toContain(seven)
    expect(one?.author.isLoaded).toBe(true)
    expect(seven?.author.isLoaded).toBe(false)
    expect(await seven?.author).toBeNull()
    await session.rollback()
  })

  it('goes round a circle with one statement for each step, and ends', async () => {
    await using recorded = peers()
    const { session } = recorded
    const books = await session
      .find(Book)
      .filter((book) => book.id.in([1, 5]))
      .orderBy((book) => book.id.asc())
      .toList()
    const seen: unknown[] = []
    for (const book of books) {
      const author = await book.author
      for (const other of await (author as Author).books) {
        expect(await other.author).toBe(author)
        seen.push(other.title)
        for (const again of await (author as Author).books) await again.author
      }
    }
    expect(seen).toEqual(['b1', 'b2', 'b3', 'b4', 'b5', 'b6'])
    expect(recorded.statements).toBe(3)
  })

  it('gives both sides of many to many', async () => {
    await using recorded = peers()
    const genres = await recorded.session
      .find(Genre)
      .orderBy((genre) => genre.id.asc())
      .toList()
    const found: string[] = []
    for (const genre of genres)
      for (const book of await genre.books) {
        const names = (await book.genres).map(({ name }) => name)
        found.push(`${genre.name} ${book.title} ${names.join('+')}`)
      }
    expect(found).toEqual([
      'crime b1 crime',
      'crime b2 crime',
      'crime b3 crime+drama',
      'crime b4 crime+drama',
      'drama b3 crime+drama',
      'drama b4 crime+drama',
      'drama b5 drama',
    ])
    expect(recorded.statements).toBe(3)
  })

  it('follows a tree that refers to itself, level by level', async () => {
    await using recorded = peers()
    const roots = recorded.session.find(Author).filter({ mentorId: null })
    const names: string[] = []
    const visit = async (author: Author, depth: number): Promise<void> => {
      names.push(`${depth}${author.name}`)
      for (const student of await author.students) await visit(student, depth + 1)
    }
    await query(
      'insert into authors (name, mentor_id) select $1 || n, n from generate_series(1, 3) n',
      ['s'],
    )
    for (const root of await roots.toList()) await visit(root, 0)
    expect(names).toEqual(['0bob', '1ann', '2s1', '1cid', '2s3', '1s2'])
    expect(recorded.statements).toBe(4)
  })

  it('gives null and one row of a relation to one row that holds the key', async () => {
    await using recorded = peers()
    const authors = await recorded.session
      .find(Author)
      .orderBy((author) => author.id.asc())
      .toList()
    const bios: (string | undefined)[] = []
    for (const author of authors) bios.push((await author.profile)?.bio)
    expect(bios).toEqual(['writes', undefined, undefined])
    expect(recorded.statements).toBe(2)
  })
})
