import assert from 'node:assert/strict'
import Fastify from 'fastify'
import { selectinload } from '../../../orm/index.ts'
import dataBridge from '../../../plugin/index.ts'
import { costsOf, type Workload } from '../../support/cost.ts'
import { Post, User } from '../../support/entities.ts'
import { writer } from '../../orm/guard/workloads.ts'
import { type Answer, dial, type Request } from './keep-alive.ts'

/*
 * Prints what requests cost: server and client are in one process. Run as `node --expose-gc measure.ts <url>` on
 * a database with what test/orm/guard/workloads.ts seeds.
 */

const [, , url = ''] = process.argv
const app = Fastify()
await app.register(dataBridge, {
  connectionString: url,
  application_name: 'guard',
  max: 1,
  idleTimeoutMillis: 0,
  headers: false,
  tracing: false,
  nPlusOne: 'count',
})
app.get('/nothing', () => ({ isNothing: true }))
app.get<{ Params: { id: string } }>('/users/:id', ({ session, params }) =>
  session.getOrThrow(User, Number(params.id)),
)
app.get('/posts', ({ session }) =>
  session
    .find(Post)
    .orderBy((post) => post.id.asc())
    .limit(20)
    .options(selectinload(Post.author))
    .toList(),
)
app.post<{ Body: { title: string; authorId: number } }>(
  '/posts',
  async ({ session, body }, reply) => {
    const author = await session.find(User).filter({ id: body.authorId }).forUpdate().one()
    const post = new Post(body)
    session.add(post)
    author.age = (author.age ?? 0) + 1
    await session.flush() // gives the post its id
    reply.code(201)
    return post
  },
)
const address = await app.listen({ host: '127.0.0.1', port: 0 })
const connection = await dial(Number(new URL(address).port))

function asks(request: Request, check: (answer: Answer) => void): Workload {
  return { turns: 100, turn: () => connection.ask(request).then(check) }
}

const costs = await costsOf(
  {
    nothing: asks({ method: 'GET', path: '/nothing' }, ({ status, body }) => {
      assert.deepEqual([status, body], [200, '{"isNothing":true}'])
    }),
    'GET by key': asks({ method: 'GET', path: '/users/7' }, ({ status, body }) => {
      assert.deepEqual([status, body.startsWith('{"id":7,')], [200, true])
    }),
    'GET a list with authors': asks({ method: 'GET', path: '/posts' }, ({ status, body }) => {
      assert.deepEqual([status, body.split('"author":{').length], [200, 21])
    }),
    'POST: lock, insert, update, commit': asks(
      { method: 'POST', path: '/posts', body: JSON.stringify({ title: 'new', authorId: writer }) },
      ({ status, body }) => {
        assert.deepEqual([status, body.includes('"title":"new"')], [201, true])
      },
    ),
  },
  'guard',
)
connection.close()
await app.close()
process.stdout.write(JSON.stringify(costs))
