import { type Database, sql } from 'fastify-data-bridge/orm'
import { Comment, Post, Tag, User } from './entities.ts'

const counts = { users: 60, posts: 600, comments: 2400 }

/** Fills empty tables with the same rows every time, in one transaction. */
export async function seed(database: Database): Promise<void> {
  await database.transaction(async (session) => {
    // If two processes start at once, one of them waits here for the other's rows.
    await session.execute(sql`select pg_advisory_xact_lock(hashtext(current_schema()))`)
    if (await session.find(User).exists()) return
    const users = Array.from({ length: counts.users }, (_, index) => newUser(index))
    const posts = Array.from({ length: counts.posts }, (_, index) => newPost(index, users))
    const comments = Array.from({ length: counts.comments }, (_, index) => newComment(index, posts))
    const tags = tagNames.map((name) => new Tag({ name }))
    for (const [index, post] of posts.entries()) post.tags.add(tagsOf(index, tags))
    session.add(users, posts, comments)
  })
}

function newUser(index: number): User {
  const firstName = pick(firstNames, index)
  const lastName = pick(lastNames, Math.floor(index / firstNames.length))
  return new User({
    name: `${firstName} ${lastName}`,
    email: `${firstName}.${lastName}@example.com`.toLowerCase(),
    passwordHash: `no-hash-of-a-password-${index}`,
    age: index % 9 === 8 ? null : 18 + ((index * 7) % 60),
    active: index % 10 !== 9,
    createdAt: new Date(Date.UTC(2026, 0, 1 + index)),
  })
}

/** The authors take turns, so ten posts in a row have ten authors. */
function newPost(index: number, users: readonly User[]): Post {
  const title = `${pick(adjectives, index)} notes on ${pick(topics, Math.floor(index / 7))}`
  return new Post({ title, likes: (index * 31) % 97, author: pick(users, index) })
}

function newComment(index: number, posts: readonly Post[]): Comment {
  return new Comment({ body: pick(remarks, index), post: pick(posts, index) })
}

/** A post has one to three tags, and each tag has many posts. */
function tagsOf(index: number, tags: readonly Tag[]): Tag[] {
  return Array.from({ length: 1 + (index % 3) }, (_, place) => pick(tags, index * 5 + place * 7))
}

function pick<T>(from: readonly T[], index: number): T {
  return from[index % from.length] as T
}

const firstNames = ['Ada', 'Ben', 'Cleo', 'Dan', 'Eve', 'Finn', 'Gina', 'Hugo', 'Ida', 'Jon']
const lastNames = ['Archer', 'Baker', 'Carter', 'Draper', 'Fisher', 'Mason']
const adjectives = ['Short', 'Long', 'Late', 'Early', 'Dry', 'Merry', 'Plain']
const topics = ['tea', 'rivers', 'maps', 'clocks', 'bread', 'trains', 'snow', 'chess']
const tagNames = [
  'advice',
  'cities',
  'cooking',
  'games',
  'history',
  'letters',
  'music',
  'nature',
  'science',
  'sports',
  'travel',
  'weather',
]
const remarks = ['Well said.', 'I disagree.', 'More, please.', 'Thank you.', 'First!']
