import { ranges, rows } from './data.ts'
import type { WorkloadName } from './names.ts'
import type { NewPost, Peer } from './peer.ts'
import { anyDate, type Shape } from './shape.ts'

export interface Workload {
  readonly title: string
  /** What every result has to contain. Undefined: the result does not matter, only the rows. */
  readonly shape?: Shape
  /** Whether the tables have to be restored after it. */
  readonly writes?: true
  /** How many turns it takes until the engine has compiled all of it, if a warm-up by time has fewer. */
  readonly warmUpTurns?: number
  /** Does the work once. The turn, a number from 0, chooses the rows. */
  run(peer: Peer, turn: number): Promise<unknown>
}

const userColumns: Shape = {
  id: true,
  name: true,
  email: true,
  age: true,
  active: true,
  postsCount: true,
  createdAt: true,
}
const postColumns: Shape = {
  id: true,
  title: true,
  body: true,
  likes: true,
  authorId: true,
  createdAt: true,
}
const commentColumns: Shape = {
  id: true,
  body: true,
  postId: true,
  authorId: true,
  createdAt: true,
}
const nested: Shape = {
  ...userColumns,
  posts: { ...postColumns, comments: commentColumns },
}
const postWithAuthor: Shape = { ...postColumns, author: userColumns }
/** A post that was just stored. Its date is another one each time. */
const storedPost: Shape = { ...postColumns, createdAt: anyDate }

/** A step that visits all rows, since it is a prime, and no two neighbours one after the other. */
const step = 7919

/** The key of a user that is only read. */
export function readUser(turn: number): number {
  return ((turn * step) % ranges.readUsers) + 1
}

/** Where a page of rows that are only read starts. */
function pageStart(turn: number, length: number, count: number): number {
  return ((turn * step) % Math.floor(count / length)) * length
}

export function newPost(turn: number): NewPost {
  return {
    title: `New post ${turn}`,
    body: `What the new post ${turn} says. `.repeat(4),
    likes: turn % 10,
    // The last users are not read by other workloads.
    authorId: rows.users - ((turn * 7) % (rows.users - ranges.readUsers)),
  }
}

const thousand: readonly NewPost[] = Array.from({ length: 1000 }, (_, turn) => newPost(turn))

export const workloads: Readonly<Record<WorkloadName, Workload>> = {
  key: {
    title: 'get by key',
    shape: userColumns,
    run: (peer, turn) => peer.user(readUser(turn)),
  },
  key16: {
    title: 'get by key, 16 at once',
    shape: userColumns,
    run: (peer, turn) =>
      Promise.all(Array.from({ length: 16 }, (_, index) => peer.user(readUser(turn * 16 + index)))),
  },
  list100: {
    title: 'list 100',
    shape: userColumns,
    run: (peer, turn) => peer.users(pageStart(turn, 100, ranges.readUsers), 100),
  },
  list1000: {
    title: 'list 1,000',
    shape: userColumns,
    run: (peer, turn) => peer.users(pageStart(turn, 1000, ranges.readUsers), 1000),
  },
  nested: {
    title: 'nested eager 50 → 250 → 750',
    shape: nested,
    run: (peer, turn) => peer.usersWithPosts(pageStart(turn, 50, ranges.readUsers), 50),
  },
  insert1000: {
    title: 'insert 1,000 by flush',
    shape: { id: true, createdAt: anyDate },
    writes: true,
    run: (peer) => peer.insertPosts(thousand),
  },
  change500: {
    title: 'load and change 500 by flush',
    writes: true,
    run: (peer) => peer.likePosts(ranges.changedPosts, 500),
  },
  transaction: {
    title: 'lock, insert, update, commit',
    shape: storedPost,
    writes: true,
    // Nothing of it is a loop: each part is called once in a turn.
    warmUpTurns: 16_000,
    run: (peer, turn) => peer.publish(newPost(turn)),
  },
  lazy50: {
    title: 'lazy loop of 50',
    shape: postWithAuthor,
    run: (peer, turn) => peer.postsThenAuthors(pageStart(turn, 50, ranges.readPosts), 50),
  },
  eager50: {
    title: 'eager page 50 + authors',
    shape: postWithAuthor,
    run: (peer, turn) => peer.postsWithAuthors(pageStart(turn, 50, ranges.readPosts), 50),
  },
}
