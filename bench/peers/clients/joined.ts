/** Puts rows of several queries together, as programs without an ORM do it. */

export interface UserRow {
  readonly id: number
}

export interface PostRow {
  readonly id: number
  readonly authorId: number
}

export interface CommentRow {
  readonly id: number
  readonly postId: number
}

/** Gives the users their posts, and those their comments. */
export function nested(
  users: readonly UserRow[],
  posts: readonly PostRow[],
  comments: readonly CommentRow[],
): readonly object[] {
  const byPost = grouped(comments, ({ postId }) => postId)
  const byAuthor = grouped(posts, ({ authorId }) => authorId)
  for (const post of posts) Object.assign(post, { comments: byPost.get(post.id) ?? [] })
  for (const user of users) Object.assign(user, { posts: byAuthor.get(user.id) ?? [] })
  return users
}

export function authorKeys(posts: readonly PostRow[]): number[] {
  return [...new Set(posts.map(({ authorId }) => authorId))]
}

/** Gives the posts their authors. */
export function withAuthors(
  posts: readonly PostRow[],
  authors: readonly UserRow[],
): readonly object[] {
  const byKey = new Map(authors.map((author) => [author.id, author]))
  for (const post of posts) Object.assign(post, { author: byKey.get(post.authorId) })
  return posts
}

function grouped<T>(list: readonly T[], keyOf: (item: T) => number): Map<number, T[]> {
  const groups = new Map<number, T[]>()
  for (const item of list) {
    const key = keyOf(item)
    const group = groups.get(key)
    if (group === undefined) groups.set(key, [item])
    else group.push(item)
  }
  return groups
}
