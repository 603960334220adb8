import assert from 'node:assert/strict'
import { atOnce, bytesThatGetOld } from '../../support/survivors.ts'
import { guardedApp } from './app.ts'
import { dial, type KeepAlive } from './keep-alive.ts'

/* Prints how many bytes a request leaves in the old space: see test/support/survivors.ts. */

const [, , url = ''] = process.argv
const app = await guardedApp(url, 2)
const { port } = new URL(await app.listen({ host: '127.0.0.1', port: 0 }))
const idle: KeepAlive[] = []
for (let count = 0; count < atOnce; count += 1) idle.push(await dial(Number(port)))
const all = [...idle]

async function get(path: string): Promise<void> {
  const connection = idle.pop()
  assert(connection !== undefined)
  const { status } = await connection.ask({ method: 'GET', path })
  idle.push(connection)
  assert.equal(status, 200)
}

const found = {
  'GET by key': await bytesThatGetOld(() => get('/users/7')),
  'GET a list with authors': await bytesThatGetOld(() => get('/posts')),
}
for (const connection of all) connection.close()
await app.close()
process.stdout.write(JSON.stringify(found))
