import type { FastifyInstance } from 'fastify'
import { type ContractRequest, databaseContract } from '../../plugin/testing/index.ts'
import type { TestDatabase } from '../support/database.ts'

/** The contract of the example, which is checked in. */
export const contractFile = new URL('./contracts/example-api.json', import.meta.url)

/** Above all rows that requests read one by one. */
export const manyFrom = 1_000_000

/** Measures the routes of the example. */
export function measured(
  app: FastifyInstance,
  { query }: Pick<TestDatabase, 'query'>,
): ReturnType<typeof databaseContract> {
  return databaseContract(app, {
    requests,
    populate: async (rows) => {
      await query(remaking(rows))
    },
  })
}

const requests: readonly (ContractRequest | ((rows: number) => ContractRequest))[] = [
  (rows) => ({ url: `/posts?limit=${rows}` }),
  (rows) => ({ name: 'GET /posts?tag', url: `/posts?limit=${rows}&tag=tag1` }),
  (rows) => ({ name: 'GET /posts?lazy', url: `/posts?limit=${rows}&lazy=true` }),
  (rows) => ({ url: `/users?limit=${rows}` }),
  (rows) => ({ name: 'GET /users?include=posts', url: `/users?limit=${rows}&include=posts` }),
  (rows) => ({
    name: 'GET /users?include=posts.comments',
    url: `/users?limit=${rows}&include=posts.comments`,
  }),
  { url: '/users/1' },
  (rows) => ({ url: `/users/1/posts?limit=${rows}` }),
  { url: '/stats' },
  { url: '/tags' },
  { method: 'POST', url: '/users', payload: { name: 'New', email: 'new@example.com' } },
  { method: 'POST', url: '/posts', payload: { authorId: 1, title: 'New' } },
  (rows) => ({
    name: 'POST /posts with tags',
    method: 'POST',
    url: '/posts',
    payload: { authorId: 1, title: 'New', tags: newTags(rows) },
  }),
  { method: 'PATCH', url: '/users/1', payload: { age: 50 } },
  { method: 'POST', url: '/transfer-posts', payload: { from: 1, to: 2 } },
  { method: 'DELETE', url: '/posts/1' },
]

function newTags(count: number): string[] {
  return Array.from({ length: count }, (_, index) => `new${index}`)
}

/** So many users, and as many posts of each. The first posts have different authors. */
function remaking(rows: number): string {
  const few = (table: string): string => `delete from ${table} where id < ${manyFrom}`
  return `delete from post_tags where post_id < ${manyFrom};
    ${['comments', 'posts', 'tags', 'users'].map(few).join(';')};
    ${insertion(1, rows, rows * rows, rows)};
    ${['comments', 'posts', 'tags', 'users']
      .map((table) => `select setval('${table}_id_seq', ${manyFrom / 2})`)
      .join(';')}`
}

/** Users, posts with two comments and one tag each, and tags, whose ids begin with `first`. */
export function insertion(first: number, users: number, posts: number, tags: number): string {
  const id = (count: number): string => `${first} + (n - 1) % ${count}`
  const numbers = (count: number): string => `from generate_series(1, ${count}) n`
  return `insert into users (id, name, email) overriding system value
      select ${id(users)}, 'User', 'user' || ${id(users)} || '@example.com' ${numbers(users)};
    insert into tags (id, name) overriding system value
      select ${id(tags)}, 'tag' || ${id(tags)} ${numbers(tags)};
    insert into posts (id, title, author_id) overriding system value
      select ${id(posts)}, 'Title', ${id(users)} ${numbers(posts)};
    insert into comments (id, body, post_id) overriding system value
      select ${id(posts * 2)}, 'Body', ${id(posts)} ${numbers(posts * 2)};
    insert into post_tags (post_id, tag_id)
      select ${id(posts)}, ${id(tags)} ${numbers(posts)}`
}
