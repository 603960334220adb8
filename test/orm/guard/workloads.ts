import assert from 'node:assert/strict'
import {
  type Database,
  selectinload,
  type Session,
  Session as SessionOf,
  type SessionOptions,
} from '../../../orm/index.ts'
import type { Workload } from '../../support/cost.ts'
import { Post, User } from '../../support/entities.ts'

/** How many rows {@link seed} stores: a user has five posts, and a post three comments. */
const users = 1000

/** Whose posts the workloads add to: nobody reads them. */
export const writer = users

/** SQL for what the workloads read. */
export const seed = `
  insert into users (name, email, age) select 'user ' || n, n || '@example.com', 0 from generate_series(1, ${users}) n;
  insert into posts (title, author_id) select 'post ' || n, 1 + (n - 1) / 5 from generate_series(1, ${users * 5}) n;
  insert into comments (body, post_id) select 'comment ' || n, 1 + (n - 1) / 3 from generate_series(1, ${users * 15}) n;
  analyze users, posts, comments`

/** Each opens a session of its own and closes it, as a request does. */
export function workloadsOf(database: Database): Readonly<Record<string, Workload>> {
  const of =
    (work: (session: Session) => Promise<void>, options: SessionOptions = {}) =>
    async (): Promise<void> => {
      const session = new SessionOf(database, options)
      try {
        await work(session)
      } finally {
        await session.close()
      }
    }
  return {
    'get by key': { turns: 300, turn: of(getByKey) },
    'get by key, read-only': { turns: 300, turn: of(getByKey, { readOnly: true }) },
    'get what is held': heldOf(database),
    'open and close, read-only': { turns: 1000, turn: of(async () => {}, { readOnly: true }) },
    'list 100': { turns: 100, turn: of(list) },
    'nested 50, 250, 750': { turns: 10, turn: of(nested) },
    'lazy loop of 50': { turns: 10, turn: of(lazyLoop) },
    'insert 1,000': { turns: 3, turn: of(insert) },
    'change 500': { turns: 3, turn: of(change) },
    'lock, insert, update, commit': { turns: 100, turn: of(publish) },
    'transaction(fn) with an insert': { turns: 100, turn: of(inTransaction) },
  }
}

let turn = 0
const nextUser = (): number => 1 + ((turn += 7) % users)

async function getByKey(session: Session): Promise<void> {
  const id = nextUser()
  const user = await session.get(User, id)
  assert.equal(user?.id, id)
}

function heldOf(database: Database): Workload {
  const session = new SessionOf(database)
  return {
    turns: 1000,
    turn: async () => {
      const user = await session.get(User, 1)
      assert.equal(user?.id, 1)
    },
  }
}

async function list(session: Session): Promise<void> {
  const found = await session
    .find(User)
    .orderBy((user) => user.id.asc())
    .limit(100)
    .toList()
  assert.equal(found.length, 100)
}

async function nested(session: Session): Promise<void> {
  const found = await session
    .find(User)
    .orderBy((user) => user.id.asc())
    .limit(50)
    .options(selectinload(User.posts).options(selectinload(Post.comments)))
    .toList()
  const posts = found.flatMap((user) => [...user.posts.value])
  assert.equal(posts.length, 250)
  assert.equal(posts.flatMap((post) => [...post.comments.value]).length, 750)
}

/** The posts of 50 authors, each of whom is loaded by a statement. */
async function lazyLoop(session: Session): Promise<void> {
  const posts = await session
    .find(Post)
    .filter((post) => post.id.in(fifty))
    .toList()
  assert.equal(posts.length, 50)
  for (const post of posts) assert.equal((await post.author).id, post.authorId)
}

const fifty = Array.from({ length: 50 }, (_, at) => 1 + at * 5)

async function insert(session: Session): Promise<void> {
  const posts = Array.from(
    { length: 1000 },
    (_, at) => new Post({ title: `${at}`, authorId: writer }),
  )
  for (const post of posts) session.add(post)
  await session.commit()
  assert.equal(new Set(posts.map(({ id }) => id)).size, 1000)
}

async function change(session: Session): Promise<void> {
  const posts = await session
    .find(Post)
    .filter((post) => post.id.lte(500))
    .toList()
  assert.equal(posts.length, 500)
  for (const post of posts) post.likes += 1
  await session.commit()
}

async function publish(session: Session): Promise<void> {
  const author = await session.find(User).filter({ id: writer }).forUpdate().one()
  const post = new Post({ title: 'new', authorId: author.id })
  session.add(post)
  author.age = (author.age ?? 0) + 1
  await session.commit()
  assert.ok(post.id > users * 5)
}

async function inTransaction(session: Session): Promise<void> {
  const post = new Post({ title: 'new', authorId: writer })
  await session.transaction(async () => {
    session.add(post)
  })
  assert.ok(post.id > users * 5)
}
