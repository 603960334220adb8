import { selectinload, type Session, sql } from '../../../../orm/index.ts'
import { Post, User } from '../../../support/entities.ts'

/** The rows of a job, which no other job touches. */
export interface Seed {
  /** The name of its user. The user that a job adds has the name with a plus sign. */
  readonly name: string
  readonly userId: number
  /** A post that is changed, and one that is deleted. */
  readonly keptId: number
  readonly doomedId: number
}

/** What is stored of a job: `user/post=likes`, sorted. */
export type Rows = readonly string[]

export const before = ({ name }: Seed): Rows => [`${name}/doomed=0`, `${name}/kept=0`]

/** What a job has seen and made so far. */
export interface Trail {
  /** The entities that queries have given which did not fail. The session may hold these. */
  readonly seen: Set<object>
  readonly added: User[]
}

/** @returns what is stored if the job succeeds */
export type Job = (session: Session, seed: Seed, trail: Trail) => Promise<Rows>

function addBoth(session: Session, name: string, { added }: Trail): void {
  const author = new User({ name, email: name })
  added.push(author)
  session.add(new Post({ title: 'first', author }))
}

const postsOf = (session: Session, { userId }: Seed) =>
  session.find(Post).filter({ authorId: userId })

/** Reads, adds two related entities, changes one, deletes one, commits. */
export const write: Job = async (session, seed, trail) => {
  const posts = await postsOf(session, seed).toList()
  const kept = posts.find(({ id }) => id === seed.keptId)
  const doomed = posts.find(({ id }) => id === seed.doomedId)
  addBoth(session, `${seed.name}+`, trail)
  if (kept !== undefined) kept.likes = 1
  if (doomed !== undefined) session.delete(doomed)
  await session.commit()
  return [`${seed.name}+/first=0`, `${seed.name}/kept=1`]
}

const line = (author: User, { title, likes }: Post): string => `${author.name}/${title}=${likes}`

/** Reads a list, then a relation lazily: each query commits by itself. */
export const list: Job = async (session, seed, { seen }) => {
  const posts = await postsOf(session, seed).toList()
  for (const post of posts) seen.add(post)
  const authors = await Promise.all(posts.map((post) => post.author))
  return posts.map((post, index) => line(authors[index]!, post)).toSorted()
}

/** Reads a list with a relation. */
const eager: Job = async (session, { userId }, { seen }) => {
  const query = session.find(User).filter({ id: userId }).options(selectinload(User.posts))
  const users = await query.toList().catch(async (error: unknown) => {
    // Where only the statement of the relation has failed, the users came from one that has not.
    if (!session.isClosed) seen.add((await session.get(User, userId)) ?? {})
    throw error
  })
  const lines = users.map(async (user) => (await user.posts).map((post) => line(user, post)))
  return (await Promise.all(lines)).flat().toSorted()
}

/** Savepoints: one is kept, one is undone, and the error of one is swallowed. */
export const savepoints: Job = async (session, seed, trail) => {
  let rows: Rows = [`${seed.name}/kept=1`]
  await session.transaction(async () => {
    const kept = await session.getOrThrow(Post, seed.keptId)
    kept.likes = 1
    const doomed = await session.getOrThrow(Post, seed.doomedId)
    await session.transaction(() => session.delete(doomed))
    const undone = session.transaction(async () => {
      kept.likes = 2
      await session.flush()
      throw new Undone()
    })
    await undone.catch(unlessUndone)
    await session
      .transaction(() => addBoth(session, `${seed.name}+`, trail))
      .then(() => (rows = [`${seed.name}+/first=0`, ...rows]))
      .catch(() => {})
  })
  return rows
}

class Undone extends Error {}

const unlessUndone = (error: unknown): void => {
  if (!(error instanceof Undone)) throw error
}

/** Locks a row, changes it, and commits. */
export const lock: Job = async (session, seed) => {
  await session.transaction(async () => {
    await session.execute(sql`select from posts where id = ${seed.keptId} for update`)
    const kept = await session.getOrThrow(Post, seed.keptId)
    kept.likes += 1
  })
  return [`${seed.name}/doomed=0`, `${seed.name}/kept=1`]
}

/** Breaks a constraint that PostgreSQL checks at COMMIT only. */
export const deferred: Job = async (session, seed, trail) => {
  await session.getOrThrow(Post, seed.keptId)
  const author = new User({ name: seed.name, email: `${seed.name}+` })
  trail.added.push(author)
  session.add(new Post({ title: 'first', author }))
  await session.commit()
  return ['PostgreSQL refuses it']
}

const readers: Readonly<Record<string, Job>> = { list, eager }

export const writers: Readonly<Record<string, Job>> = { write, savepoints, lock, deferred }

export const jobs: Readonly<Record<string, Job>> = { ...readers, ...writers }

export const onlyReads = (job: Job): boolean => Object.values(readers).includes(job)
