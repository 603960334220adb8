/** The columns of a post that the program chooses. The database makes the others. */
export interface NewPost {
  readonly title: string
  readonly body: string
  readonly likes: number
  readonly authorId: number
}

/**
 * One way to talk to the database. Every method is one unit of work, as a request would do it: a peer with sessions
 * opens one for each call. Results have the property names of the tables in camelCase, and `Date` objects.
 */
export interface Peer {
  user(id: number): Promise<unknown>
  /** Users with a greater key than this one, in the order of their keys. */
  users(after: number, limit: number): Promise<readonly unknown[]>
  /** The same, with their `posts`, and those with their `comments`, loaded eagerly. */
  usersWithPosts(after: number, limit: number): Promise<readonly unknown[]>
  /** Posts with a greater key than this one, with their `author`, loaded eagerly. */
  postsWithAuthors(after: number, limit: number): Promise<readonly unknown[]>
  /** The same, but the authors are read one by one. */
  postsThenAuthors(after: number, limit: number): Promise<readonly unknown[]>
  /** Stores the posts and returns at least what the database made: `id` and `createdAt`. */
  insertPosts(posts: readonly NewPost[]): Promise<readonly unknown[]>
  /** Reads posts and stores each of them with one more like. */
  likePosts(after: number, limit: number): Promise<void>
  /** In one transaction: locks the author, inserts the post, adds one to the author's `postsCount`. Returns the post. */
  publish(post: NewPost): Promise<unknown>
  /** Reads a property of a result, for peers that wrap relations. By default the property itself. */
  read?(result: object, property: string): unknown
  /** What a route answers with, for peers whose results have another form as JSON. By default the result itself. */
  answer?(result: unknown): unknown
  close(): Promise<void>
}

/** Connects to a database with at most this many connections. */
export type OpenPeer = (url: string, connections: number) => Promise<Peer>

/** Every peer has so many connections at most: all of them together fit into PostgreSQL's default of 100. */
export const connections = 8
