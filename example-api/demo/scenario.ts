import { isDeepStrictEqual } from 'node:util'
import type { DemoClient } from './client.ts'
import { paint, print } from './output.ts'

interface Row {
  readonly id: number
}

/** Calls every route of the example, and causes the errors that the routes handle. */
export async function play(client: DemoClient): Promise<void> {
  await client.get('/health', { status: 200 })
  const saved = await compareLoading(client)
  await readUsers(client)
  await writeUsers(client)
  await writePosts(client)
  await transferPosts(client)
  await client.get('/tags', { status: 200, queries: 1 })
  await client.get('/posts?limit=3&tag=music', { status: 200, queries: 2 })
  await client.get('/stats', { status: 200, queries: 1 })

  print()
  print(`${paint('bold', saved)}: the authors of ten posts, lazily and by selectinload`)
}

async function compareLoading(client: DemoClient): Promise<string> {
  const lazy = await client.get('/posts?limit=10&lazy=true', { status: 200, queries: 11 })
  const eager = await client.get('/posts?limit=10', { status: 200, queries: 2 })
  client.check('both have the same body', isDeepStrictEqual(lazy.body, eager.body))
  return `${lazy.queries} → ${eager.queries} queries`
}

async function readUsers(client: DemoClient): Promise<void> {
  await client.get('/users?limit=5&include=posts.comments', { status: 200, queries: 3 })
  await client.get('/users?include=secrets', { status: 400 })
  await client.get('/users/1', { status: 200, queries: 1 })
  await client.get('/users/2147483647', { status: 404, queries: 1 })
  await client.get('/users/4294967296', { status: 400 })
  await client.get('/users/1/posts', { status: 200, queries: 2 })
}

async function writeUsers(client: DemoClient): Promise<void> {
  const zoe = { name: 'Zoe Zimmer', email: 'zoe@example.com', age: 33 }
  const { body: user } = await client.post<Row>('/users', zoe, { status: 201, queries: 1 })
  await client.post('/users', zoe, { status: 409, queries: 1 })
  await client.post('/users', { name: 'Nobody' }, { status: 400 })
  await client.patch(`/users/${user.id}`, { age: 34 }, { status: 200, queries: 2 })
}

async function writePosts(client: DemoClient): Promise<void> {
  const title = 'Hello'
  const { body: post } = await client.post<Row>(
    '/posts',
    { authorId: 1, title },
    { status: 201, queries: 1 },
  )
  await client.post('/posts', { authorId: 2_147_483_647, title }, { status: 409, queries: 1 })
  await client.delete(`/posts/${post.id}`, { status: 204, queries: 2 })
  await client.delete(`/posts/${post.id}`, { status: 404, queries: 1 })
}

async function transferPosts(client: DemoClient): Promise<void> {
  const transfer = { from: 1, to: 2 }
  const before = await client.get<Row[]>('/users/1/posts', { status: 200, queries: 2 })
  await client.post(
    '/transfer-posts',
    { ...transfer, failAfter: true },
    { status: 500, queries: 4 },
  )
  const after = await client.get('/users/1/posts', { status: 200, queries: 2 })
  client.check('no row was moved', isDeepStrictEqual(before.body, after.body))
  await client.post('/transfer-posts', { from: 1, to: 2_147_483_647 }, { status: 404, queries: 2 })
  const { body } = await client.post<{ moved: number }>('/transfer-posts', transfer, {
    status: 200,
    queries: 4,
  })
  client.check('every row was moved', body.moved === before.body.length && body.moved > 0)
}
