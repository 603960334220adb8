import assert from 'node:assert/strict'
import { costsOf, type Workload } from '../../support/cost.ts'
import { writer } from '../../orm/guard/workloads.ts'
import { guardedApp } from './app.ts'
import { type Answer, dial, type Request } from './keep-alive.ts'

/*
 * Prints what requests cost: server and client are in one process. Run as `node --expose-gc measure.ts <url>` on
 * a database with what test/orm/guard/workloads.ts seeds.
 */

const [, , url = ''] = process.argv
const app = await guardedApp(url, 1)
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
