/*
 * A service on the built package, for scripts/node-22.mjs. It starts its own PostgreSQL and runs until SIGTERM.
 * Its syntax has to run on the oldest Node that the package supports.
 */
import Fastify from 'fastify'
import dataBridge, { integer, table, text } from 'fastify-data-bridge'
import { startPostgres } from 'fastify-data-bridge/testing'

class Post extends table('posts', { id: integer().primaryKey().generated(), title: text() }) {}

const postgres = await startPostgres()
const app = Fastify()
app.register(dataBridge, { connectionString: postgres.url, tables: [Post] })
app.get('/posts', async ({ session }) => {
  session.add(new Post({ title: 'hello' }))
  await session.flush()
  return session.find(Post).toList()
})
await app.ready()
await app.dataBridge.createSchema()

process.once('SIGTERM', () => void app.close().then(() => postgres.stop()))
console.log(await app.listen({ host: '127.0.0.1', port: 0 }))
