import { beforeEach } from 'vitest'
import { type Session } from '../../../orm/index.ts'
import { testDatabase, type TestDatabase } from '../../support/database.ts'
import { blog, Post } from '../../support/entities.ts'
import { type LogLine, type Served, watchForLeaks } from '../serve.ts'

/** A database with ten users, each with a post that has a comment. */
export async function blogOfTen(): Promise<TestDatabase> {
  const stored = await testDatabase(blog)
  watchForLeaks(stored)
  beforeEach(async () => {
    await stored.truncate()
    await stored.query(
      `insert into users (name, email) select 'user' || n, 'e' || n from generate_series(1, 10) n`,
    )
    await stored.query(
      `insert into posts (title, author_id) select 'post', n from generate_series(1, 10) n`,
    )
    await stored.query(
      `insert into comments (body, post_id) select 'comment', n from generate_series(1, 10) n`,
    )
  })
  return stored
}

/** Loads the authors of posts one by one: as many queries as there are posts, and one for the posts. */
export async function loadAuthors(session: Session, posts = 10): Promise<void> {
  for (const post of await session.find(Post).limit(posts).toList()) await post.author
}

export async function loadComments(session: Session, posts = 10): Promise<void> {
  for (const post of await session.find(Post).limit(posts).toList()) await post.comments
}

type Line = LogLine & { readonly [property: string]: unknown }

/** The lines of the log that tell findings; not those of jobs that still run, which depend on the time they take. */
export function findingLines({ logs }: Pick<Served, 'logs'>): readonly Line[] {
  return (logs as readonly Line[]).filter(
    (line) => ('nPlusOne' in line || 'more' in line) && !('isLive' in line),
  )
}

/** What these lines are about: `Post.author 10`. */
export function told(served: Pick<Served, 'logs'>): readonly string[] {
  return findingLines(served).map(({ nPlusOne, more }) => {
    if (nPlusOne === undefined) return `more ${String(more)}`
    const { target, count } = nPlusOne as { readonly target: string; readonly count: number }
    return `${target} ${count}`
  })
}
