import { Agent, request } from 'node:http'
import { beforeEach, describe, expect, it } from 'vitest'
import { testDatabase } from '../../support/database.ts'
import { blog, user } from '../../support/entities.ts'
import { names, serve } from '../serve.ts'

const { query, url, truncate } = await testDatabase(blog)
beforeEach(truncate)

const clients = 24

/** The status of a complete answer; undefined where there was none. */
function post(port: number, agent: Agent, name: string): Promise<number | undefined> {
  const { promise, resolve } = Promise.withResolvers<number | undefined>()
  const sending = request({ port, host: '127.0.0.1', agent, method: 'POST', path: `/${name}` })
  sending.on('error', () => resolve(undefined))
  sending.on('response', (response) => {
    response.resume().on('error', () => {})
    response.on('close', () => resolve(response.complete ? response.statusCode : undefined))
  })
  sending.end()
  return promise
}

describe.each([
  ['which waits for its requests', false],
  ['with forceCloseConnections, which cuts them off', true],
])('app.close() under load, %s', (_how, forceCloseConnections) => {
  it('loses nothing that was acknowledged, and keeps nothing that was refused', async () => {
    await using served = await serve(
      { connectionString: url, max: 3, application_name: 'app' },
      (app) => {
        app.post<{ Params: { name: string } }>('/:name', async ({ session, params }, reply) => {
          session.add(user(`${params.name} flushed`))
          await session.flush()
          session.add(user(params.name))
          return reply.code(201).send('saved')
        })
      },
      { forceCloseConnections },
    )
    const agent = new Agent({ keepAlive: true, maxSockets: clients })
    const statuses = new Map<string, number | undefined>()
    let saved = 0
    const halfway = Promise.withResolvers<void>()
    const work = async (client: number): Promise<void> => {
      for (let round = 0; ; round += 1) {
        const name = `c${client} ${round}`
        const status = await post(served.port, agent, encodeURIComponent(name))
        statuses.set(name, status)
        if (status !== 201) return
        saved += 1
        if (saved === 10 * clients) halfway.resolve()
      }
    }
    const working = Promise.all(Array.from({ length: clients }, (_, client) => work(client)))
    await halfway.promise
    const underWay = served.app.dataBridge.usage
    await served.app.close()
    await working
    agent.destroy()

    // Were nothing under way when it was closed, nothing would have been proved.
    expect(underWay.total - underWay.idle + underWay.waiting).toBeGreaterThan(0)
    const connections = `select state, query from pg_stat_activity
      where datname = current_database() and application_name = 'app'`
    await expect.poll(() => query(connections)).toEqual([])
    const stored = await names(query)
    const has = (wanted: (status: number | undefined) => boolean): string[] =>
      [...statuses].flatMap(([name, status]) => (wanted(status) ? [name, `${name} flushed`] : []))
    const acknowledged = has((status) => status === 201)
    expect(acknowledged.filter((name) => !stored.includes(name))).toEqual([])
    const refused = has((status) => status !== undefined && status !== 201)
    expect(refused.filter((name) => stored.includes(name))).toEqual([])
    // Only who was cut off may not know of it; of those, too, either all was saved or nothing.
    const whole = stored.filter((name) => !name.endsWith('flushed'))
    expect(stored.toSorted()).toEqual(whole.flatMap((name) => [name, `${name} flushed`]).toSorted())
    const unanswered = stored.filter((name) => !acknowledged.includes(name))
    expect(forceCloseConnections ? [] : unanswered).toEqual([])
  })
})
